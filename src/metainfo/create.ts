/** Creates a .torrent (BEP 3, BEP 52) from files that are read once, in order, without being held in memory. */

import { createHash } from 'node:crypto'
import { encode } from '../codec/bencode.ts'
import { checkRequired } from '../codec/check-arguments.ts'
import { NODE_LENGTH } from '../codec/merkle.ts'
import { describeValue, quote } from '../codec/quote.ts'
import { runAtOnce, runInTurns } from '../codec/steps.ts'
import { InputError } from '../errors.ts'
import {
  type ContentPlan,
  type PieceHashes,
  type PlannedFile,
  planContent,
  rootsFromNodes,
} from './content-plan.ts'
import { encodeContent } from './encode-content.ts'
import { checkAborted, hashSources } from './hash-sources.ts'
import { MAX_PIECE_LENGTH } from './info.ts'
import type { TorrentFormat } from './metainfo.ts'
import { MAX_TORRENT_SIZE, openMetainfo } from './parse.ts'
import { isTreePieceLength, type LayersSource } from './piece-layers.ts'
import { arePlain } from './plain-paths.ts'
import { nameText, type SourceFile } from './source-file.ts'
import { torrentOf } from './torrent.ts'
import { trackerFault, webSeedFault } from './trackers.ts'

/** Options of `create`. */
export interface CreateOptions {
  /** The name of the file or directory. */
  readonly name: string
  /** The files in the order of the torrent. A single file with an empty path makes a single-file torrent. */
  readonly files: readonly SourceFile[]
  /**
   * The format: v1, which every client reads, v2, or both in one. A v2 or hybrid torrent has its files in the order of their
   * names. @default 'v1'
   */
  readonly format?: TorrentFormat
  /**
   * Length of a piece in bytes, up to 512 MiB; for v2 and hybrid a power of two of at least 16 KiB.
   * @default the result of `defaultPieceLength`
   */
  readonly pieceLength?: number
  /** Tiers of announce URLs (BEP 12). @default none */
  readonly trackers?: readonly (readonly string[])[]
  /** HTTP URLs of the content (BEP 19). @default none */
  readonly webSeeds?: readonly string[]
  /** True to allow peers from the trackers only (BEP 27). @default false */
  readonly private?: boolean
  readonly comment?: string
  /** A tag in the info dictionary, which changes the info-hash. */
  readonly source?: string
  readonly createdBy?: string
  /** Seconds since 1970. @default none, so that the same input gives the same .torrent */
  readonly creationDate?: number
  /**
   * Returns the hashes of all pieces of the planned files. `signal` aborts it. @default `files` are read, once and in order
   */
  readonly hashPieces?: (plan: ContentPlan, signal: AbortSignal) => Promise<PieceHashes>
  /** True if `arePlain` holds for the files. @default it is checked @internal */
  readonly arePathsPlain?: boolean
  /** Called after each chunk with the number of bytes hashed so far, and of all bytes. */
  readonly onProgress?: (bytes: number, total: number) => void
  /** Aborts after the current chunk: `create` rejects with ERR_ABORTED. */
  readonly signal?: AbortSignal
}

/** Bytes of the hashes of a piece. */
const HASH_BYTES = { v1: 20, hybrid: 20 + NODE_LENGTH, v2: NODE_LENGTH }

/** The result of `create`. */
export interface Created {
  /** The content of the .torrent. */
  readonly torrent: Buffer
  /** 20 bytes; for v2 the first 20 of `infoHashV2`. */
  readonly infoHash: Buffer
  /** 32 bytes, if the format is v2 or hybrid. */
  readonly infoHashV2?: Buffer
  readonly pieceLength: number
  readonly pieceCount: number
  /** Length of all files in bytes. */
  readonly length: number
  /** Problems that other clients may have with the torrent, one sentence each, such as names that Windows rejects. */
  readonly warnings: readonly string[]
}

/**
 * Returns the default piece length for content of `length` bytes: the power of two from 16 KiB to 16 MiB that gives
 * 1,000 to 2,000 pieces.
 */
export function defaultPieceLength(length: number): number {
  let pieceLength = 16 * 1024
  while (pieceLength < 16 * 1024 * 1024 && length / pieceLength > 2_000) pieceLength *= 2
  return pieceLength
}

/**
 * Hashes the files and creates their .torrent.
 * Rejects with ERR_USAGE for invalid options, ERR_PATH for unsafe paths, ERR_METAINFO for a file that is shorter or
 * longer than its `length`, ERR_ABORTED after an abort, and with any error that `read` throws.
 */
export async function create(options: CreateOptions): Promise<Created> {
  checkRequired(options, { files: 'array' })
  const length = options.files.reduce((sum, file) => sum + file.length, 0)
  const pieceLength = options.pieceLength ?? defaultPieceLength(length)
  const { format = 'v1' } = options
  checkOptions(options, format, length, pieceLength)
  const plan = planContent(options.files, format, pieceLength)
  let content: Buffer | undefined
  const infoOf = async (hashes: Buffer, rootOf: (file: PlannedFile) => Buffer) => {
    // The list of files of v1 names no hashes, so it is the same in the draft.
    if (format !== 'v1' || !content) content = await runInTurns(encodeContent(plan, options.name, rootOf))
    return encodeInfo(options, plan, content, hashes)
  }
  const draft = async () => {
    const hashes = Buffer.alloc(format === 'v2' ? 0 : plan.pieceCount * 20)
    const info = await infoOf(hashes, () => DRAFT_ROOT)
    // One file stands for many that cause no warning: reading them all takes as long as hashing them.
    const isBrief =
      format === 'v1' &&
      info.length <= MAX_BRIEF_BYTES &&
      (options.arePathsPlain || (await runInTurns(arePlain(options.files))))
    if (!isBrief) return assemble(options, info)
    const [first] = options.files
    const files = [{ source: { ...first!, path: first!.path, length }, offset: 0, padding: 0 }]
    const brief = runAtOnce(encodeContent({ ...plan, files }, options.name, () => DRAFT_ROOT))
    return assemble(options, encodeInfo(options, plan, brief, hashes))
  }
  const { warnings, hashes, nodes } = await checkAndHash(draft, options, plan, length)
  const roots =
    format === 'v1' ? new Map<PlannedFile, Buffer>() : await runInTurns(rootsFromNodes(plan, nodes))
  const info = await infoOf(hashes, file => roots.get(file)!)
  const layers = format === 'v1' ? {} : { pieceLength, pieceNodes: nodes, files: layered(roots) }
  const torrent = assemble(options, info, layers)
  const infoHash = createHash('sha1').update(info).digest()
  const result = { torrent, pieceLength, pieceCount: plan.pieceCount, length, warnings }
  if (format === 'v1') return { infoHash, ...result }
  const infoHashV2 = createHash('sha256').update(info).digest()
  return { infoHash: format === 'v2' ? infoHashV2.subarray(0, 20) : infoHash, infoHashV2, ...result }
}

/** Bytes of the largest `info` that is not read as a whole. The rest of a .torrent has room beside it. */
const MAX_BRIEF_BYTES = MAX_TORRENT_SIZE / 2

/** Stands for the root of a file that was not hashed yet. */
const DRAFT_ROOT = Buffer.alloc(NODE_LENGTH, 1)

function layered(roots: ReadonlyMap<PlannedFile, Buffer>): LayersSource['files'] {
  return [...roots].map(([{ offset, source }, piecesRoot]) => ({ offset, length: source.length, piecesRoot }))
}

/**
 * Checks the draft while the content is hashed, and returns the warnings and the hashes. Hashing can take hours, so it stops
 * as soon as the draft turns out to be invalid; `files` are not read before.
 */
async function checkAndHash(
  draft: () => Promise<Buffer>,
  options: CreateOptions,
  plan: ContentPlan,
  length: number,
) {
  const invalid = new AbortController()
  const signal = options.signal ? AbortSignal.any([options.signal, invalid.signal]) : invalid.signal
  const hashing = options.hashPieces?.(plan, signal)
  try {
    const opened = draft().then(torrent => openMetainfo(torrent, { portableNames: true }))
    const [{ format, warnings }] = await Promise.all([opened, hashing])
    // The list and the tree of a hybrid torrent differ in names that are left out of a path.
    if (format !== plan.format) throw new InputError('ERR_PATH', warnings.at(-1)!)
    return { warnings, ...(await (hashing ?? hashSources(options, plan, length))) }
  } catch (error) {
    invalid.abort(error)
    await hashing?.catch(() => {})
    checkAborted(options.signal)
    throw error
  }
}

/** @param content the entries for the content; their keys sort before all others */
function encodeInfo(
  options: CreateOptions,
  { format, pieceLength }: ContentPlan,
  content: Buffer,
  pieces: Uint8Array,
): Buffer {
  const rest = encode({
    'meta version': format === 'v1' ? undefined : 2,
    name: options.name,
    'piece length': pieceLength,
    pieces: format === 'v2' ? undefined : pieces,
    private: options.private ? 1 : undefined,
    source: options.source,
  })
  return Buffer.concat([Buffer.from('d'), content, rest.subarray(1)])
}

function assemble(options: CreateOptions, info: Buffer, layers: Partial<LayersSource> = {}): Buffer {
  const { files: _, trackers = [], webSeeds = [], ...rest } = options
  const tiers = trackers.filter(tier => tier.length > 0)
  return torrentOf({ ...rest, ...layers, info, trackers: tiers, webSeeds })
}

const NAME_SEPARATOR = /[/\0]/

/** Rejects a file that no torrent can have, and names that no file system allows: they would be replaced on reading. */
function checkFile({ length, path, symlink }: SourceFile): void {
  checkPath(path)
  const fail = (what: string) => {
    throw new InputError('ERR_USAGE', `${quote(path.map(nameText).join('/'))}: ${what}`)
  }
  const isEmptyLink = !symlink || (length === 0 && path.length > 0 && symlink.length > 0)
  if (!isEmptyLink) fail('expected a symlink with a target and without content')
  if (!Number.isSafeInteger(length) || length < 0) fail(`expected a length of 0 or more, got ${length}`)
}

function checkPath(names: SourceFile['path']): void {
  for (const name of names) {
    const bad = nameText(name)
    if (!NAME_SEPARATOR.test(bad)) continue
    const what = bad.includes('/') ? 'a separator' : 'a NUL'
    throw new InputError(
      'ERR_PATH',
      `unsafe path ${quote(names.map(nameText).join('/'))}: ${what} inside a name`,
    )
  }
}

function checkOptions(
  options: CreateOptions,
  format: TorrentFormat,
  length: number,
  pieceLength: number,
): void {
  const fail = (what: string) => {
    throw new InputError('ERR_USAGE', what)
  }
  if (options.name === '') fail('expected a name, got ""')
  if (options.files.length === 0) fail('expected at least one file, got none')
  checkPath([options.name])
  if (!options.arePathsPlain) for (const file of options.files) checkFile(file)
  if (!Number.isSafeInteger(pieceLength) || pieceLength < 1 || pieceLength > MAX_PIECE_LENGTH) {
    fail(`piece length: expected a whole number from 1 to ${MAX_PIECE_LENGTH}, got ${pieceLength}`)
  }
  if (!(format in HASH_BYTES)) fail(`format: expected v1, hybrid or v2, got ${describeValue(format)}`)
  if (format !== 'v1' && !isTreePieceLength(pieceLength)) {
    fail(`piece length: expected a power of two of at least 16384 for ${format}, got ${pieceLength}`)
  }
  const hashes = Math.ceil(length / pieceLength) * HASH_BYTES[format]
  if (hashes > MAX_TORRENT_SIZE) {
    fail(
      `piece length: ${pieceLength} is too small for ${length} bytes: the hashes would take ${hashes} bytes`,
    )
  }
  for (const url of options.trackers?.flat() ?? []) {
    const why = trackerFault(url)
    if (why) fail(`tracker: ${quote(url)} ${why}`)
  }
  for (const url of options.webSeeds ?? []) {
    const why = webSeedFault(url)
    if (why) fail(`web seed: ${quote(url)} ${why}`)
  }
}
