/** Creates a .torrent (BEP 3, v1) from files that are read once, in order, without being held in memory. */
import { createHash } from 'node:crypto'
import { encode } from '../codec/bencode.ts'
import type { Steps } from '../codec/bencode-scan.ts'
import { nameOfBytes } from '../codec/byte-names.ts'
import { quote } from '../codec/quote.ts'
import { InputError, StalledError } from '../errors.ts'
import { MAX_PIECE_LENGTH } from './info.ts'
import { MAX_TORRENT_SIZE, openMetainfo } from './parse.ts'
import { PieceHasher } from './piece-hasher.ts'
import { runInTurns } from './steps.ts'
import { torrentOf } from './torrent.ts'
import { trackerFault, webSeedFault } from './trackers.ts'

/** A file to include in a torrent. */
export interface SourceFile {
  /** Names below the torrent's directory, as text or bytes. Empty for the file of a single-file torrent. */
  readonly path: readonly (string | Uint8Array)[]
  /** Number of bytes that `read` returns. */
  readonly length: number
  /** Reads the file. */
  read(): AsyncIterable<Uint8Array>
}

/** Options of `create`. */
export interface CreateOptions {
  /** The name of the file or directory. */
  readonly name: string
  /** The files in the order of the torrent. A single file with an empty path makes a single-file torrent. */
  readonly files: readonly SourceFile[]
  /** Length of a piece in bytes, up to 512 MiB. @default the result of `defaultPieceLength` */
  readonly pieceLength?: number
  /** Tiers of announce URLs (BEP 12). @default none */
  readonly trackers?: readonly (readonly string[])[]
  /** HTTP URLs of the content (BEP 19). @default none */
  readonly webSeeds?: readonly string[]
  /** True to allow peers from the trackers only (BEP 27). @default false */
  readonly private?: boolean
  readonly comment?: string
  readonly createdBy?: string
  /** Seconds since 1970. @default none, so that the same input gives the same .torrent */
  readonly creationDate?: number
  /**
   * Returns the SHA-1 hashes of all pieces, 20 bytes each. `signal` aborts it. @default `files` are read, once and in
   * order
   */
  readonly hashPieces?: (signal: AbortSignal) => Promise<Buffer>
  /** Called after each chunk with the number of bytes hashed so far, and of all bytes. */
  readonly onProgress?: (bytes: number, total: number) => void
  /** Aborts after the current chunk: `create` rejects with ERR_ABORTED. */
  readonly signal?: AbortSignal
}

/** The result of `create`. */
export interface Created {
  /** The content of the .torrent. */
  readonly torrent: Buffer
  /** 20 bytes. */
  readonly infoHash: Buffer
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
  const length = options.files.reduce((sum, file) => sum + file.length, 0)
  const pieceLength = options.pieceLength ?? defaultPieceLength(length)
  check(options, length, pieceLength)
  const content = await runInTurns(encodeContent(options.files))
  const infoOf = (pieces: Uint8Array) => encodeInfo(options, content, pieceLength, pieces)
  const draft = assemble(options, infoOf(Buffer.alloc(Math.ceil(length / pieceLength) * 20)))
  const { warnings, hashes } = await checkAndHash(draft, options, pieceLength, length)
  const info = infoOf(hashes)
  const torrent = assemble(options, info)
  const infoHash = createHash('sha1').update(info).digest()
  return { torrent, infoHash, pieceLength, pieceCount: hashes.length / 20, length, warnings }
}

/**
 * Checks the draft and hashes the content, and returns the warnings and the hashes. Hashing can take hours, so it stops
 * as soon as the draft turns out to be invalid; `files` are not read before.
 */
async function checkAndHash(draft: Buffer, options: CreateOptions, pieceLength: number, length: number) {
  const invalid = new AbortController()
  const signal = options.signal ? AbortSignal.any([options.signal, invalid.signal]) : invalid.signal
  const hashing = options.hashPieces?.(signal)
  try {
    const opened = openMetainfo(draft, { portableNames: true })
    const [{ warnings }] = await Promise.all([opened, hashing])
    const hashes = await (hashing ?? hashAll(options, pieceLength, length))
    return { warnings, hashes }
  } catch (error) {
    invalid.abort(error)
    await hashing?.catch(() => {})
    checkAborted(options.signal)
    throw error
  }
}

async function hashAll(options: CreateOptions, pieceLength: number, length: number): Promise<Buffer> {
  const hasher = new PieceHasher(pieceLength, length)
  for (const file of options.files) {
    let left = file.length
    const refuse = (got: string) => {
      const what = quote([options.name, ...file.path.map(textOf)].join('/'))
      throw new InputError(
        'ERR_METAINFO',
        `${what}: expected ${file.length} bytes, got ${got}; the file may have changed`,
      )
    }
    checkAborted(options.signal)
    for await (const chunk of file.read()) {
      checkAborted(options.signal)
      left -= chunk.length
      if (left < 0) refuse('more')
      hasher.update(chunk)
      options.onProgress?.(hasher.length, length)
    }
    if (left > 0) refuse(String(file.length - left))
  }
  return hasher.digest()
}

/** Number of files to encode between two yields. */
const FILES_PER_STEP = 512

/** Encodes the entry of `info` for the content: `length` or `files`. */
function* encodeContent(files: readonly SourceFile[]): Steps<Buffer> {
  if (files.length === 1 && files[0]!.path.length === 0) {
    return encode({ length: files[0]!.length }).subarray(1, -1)
  }
  const parts: Buffer[] = [Buffer.from('5:filesl')]
  for (let at = 0; at < files.length; at += FILES_PER_STEP) {
    const some = files.slice(at, at + FILES_PER_STEP).map(({ length, path }) => ({ length, path: [...path] }))
    parts.push(encode(some).subarray(1, -1))
    yield
  }
  return Buffer.concat([...parts, Buffer.from('e')])
}

/** @param content the entry for the content; its key sorts before all others */
function encodeInfo(
  options: CreateOptions,
  content: Buffer,
  pieceLength: number,
  pieces: Uint8Array,
): Buffer {
  const isPrivate = options.private ? 1 : undefined
  const rest = encode({ name: options.name, 'piece length': pieceLength, pieces, private: isPrivate })
  return Buffer.concat([Buffer.from('d'), content, rest.subarray(1)])
}

function assemble(options: CreateOptions, info: Buffer): Buffer {
  const { files: _, trackers = [], webSeeds = [], ...rest } = options
  return torrentOf({ ...rest, info, trackers: trackers.filter(tier => tier.length > 0), webSeeds })
}

/** Rejects names that no file system allows. They would be replaced on reading, and no file would be found. */
function checkNames({ name, files }: CreateOptions): void {
  for (const names of [[name], ...files.map(({ path }) => path)]) {
    const bad = names.map(textOf).find(one => /[/\0]/.test(one))
    if (bad === undefined) continue
    const what = bad.includes('/') ? 'a separator' : 'a NUL'
    throw new InputError(
      'ERR_PATH',
      `unsafe path ${quote(names.map(textOf).join('/'))}: ${what} inside a name`,
    )
  }
}

function textOf(name: string | Uint8Array): string {
  return typeof name === 'string' ? name : nameOfBytes(name)
}

function check(options: CreateOptions, length: number, pieceLength: number): void {
  const fail = (what: string) => {
    throw new InputError('ERR_USAGE', what)
  }
  if (options.name === '') fail('expected a name, got ""')
  if (options.files.length === 0) fail('expected at least one file, got none')
  checkNames(options)
  for (const file of options.files) {
    if (Number.isSafeInteger(file.length) && file.length >= 0) continue
    fail(`${quote(file.path.map(textOf).join('/'))}: expected a length of 0 or more, got ${file.length}`)
  }
  if (!Number.isSafeInteger(pieceLength) || pieceLength < 1 || pieceLength > MAX_PIECE_LENGTH) {
    fail(`piece length: expected a whole number from 1 to ${MAX_PIECE_LENGTH}, got ${pieceLength}`)
  }
  const hashes = Math.ceil(length / pieceLength) * 20
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

function checkAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new StalledError('ERR_ABORTED', 'the creation was aborted', signal.reason)
}
