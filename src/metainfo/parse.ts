/** Parses and validates a .torrent (BEP 3, BEP 52). */

import { DICT_TOKEN, failAt } from '../codec/bencode-grammar.ts'
import { Scan } from '../codec/bencode-scan.ts'
import { BencodeView } from '../codec/bencode-view.ts'
import { checkArgument } from '../codec/check-arguments.ts'
import { quote } from '../codec/quote.ts'
import { runAtOnce, runInTurns, type Steps } from '../codec/steps.ts'
import { InputError } from '../errors.ts'
import { KEYS_AROUND, readAround } from './around.ts'
import { Fields } from './fields.ts'
import { hashInSteps } from './hash-in-steps.ts'
import { readInfo } from './info.ts'
import type { Metainfo } from './metainfo.ts'
import { isPortable, type NameOptions } from './name.ts'
import { type PieceLayers, readPieceLayers } from './piece-layers.ts'
import type { Limits, Reading } from './reading.ts'
import { Warnings } from './warnings.ts'

/** Maximum length of a .torrent in bytes, enough for five million pieces. Callers check it before reading one. */
export const MAX_TORRENT_SIZE = 100 * 1024 * 1024

/**
 * The file tree of a hybrid torrent (BEP 52) may be as deep as a path. Of 500,000 files in directories, each takes 7
 * items in `files` and 10 in the file tree.
 */
const DEFAULT_LIMITS = { maxDepth: 256, maxItems: 10_000_000, maxFiles: 500_000, advice: '' }
/** The limits of synchronous parsing, which then takes about 100 ms. */
const LIMITS_AT_ONCE = {
  maxDepth: 256,
  maxItems: 2_000_000,
  maxFiles: 50_000,
  advice: ' (openMetainfo reads larger torrents)',
}
/** Bytes to copy between two yields. */
const COPY_CHUNK_BYTES = 4 * 1024 * 1024

const TOP_KEYS = new Set(['info', 'piece layers', ...KEYS_AROUND])

/**
 * Parses a .torrent without blocking the event loop: each step takes a few milliseconds. It uses at most twelve times
 * the size of the .torrent as memory, and sixteen times for a v2 torrent of very small files. `torrent` must not change until the promise settles.
 *
 * An invalid v2 part of a hybrid torrent gives a warning: the torrent is then read as v1. File names are valid for the
 * platform.
 * Rejects with ERR_BENCODE, ERR_METAINFO or ERR_PATH. The message is one line that names the key and its value.
 */
export function openMetainfo(torrent: Uint8Array, options: NameOptions = {}): Promise<Metainfo> {
  return runInTurns(readTorrent(torrent, DEFAULT_LIMITS, options))
}

/** Parses an `info` dictionary as `openMetainfo` does. Peers send it as metadata (BEP 9), without trackers. */
export function openInfo(info: Uint8Array, options: NameOptions = {}): Promise<Metainfo> {
  return runInTurns(readInfoAlone(info, DEFAULT_LIMITS, options))
}

/**
 * Parses a .torrent synchronously, up to 50,000 files and 2,000,000 values, in about 100 ms. Throws the same errors as
 * `openMetainfo`, also for a larger torrent.
 */
export function parse(torrent: Uint8Array, options: NameOptions = {}): Metainfo {
  return runAtOnce(readTorrent(torrent, LIMITS_AT_ONCE, options))
}

/** Parses an `info` dictionary synchronously, with the limits of `parse`. */
export function parseInfo(info: Uint8Array, options: NameOptions = {}): Metainfo {
  return runAtOnce(readInfoAlone(info, LIMITS_AT_ONCE, options))
}

function* readTorrent(torrent: Uint8Array, limits: Limits, options: NameOptions): Steps<Metainfo> {
  checkKind(torrent)
  const warnings = new Warnings()
  const { warn } = warnings
  const dict = (yield* new Scan(torrent, limits).dict(0, TOP_KEYS, 'info'))!
  // Bytes after the dictionary are ignored, as in other clients.
  const view = new BencodeView(bufferOf(torrent), dict.spans, { repeatedKeys: 'first' })
  const top: Fields = new Fields(view, '', warn)
  const span = dict.spans.get('info')
  if (!span || torrent[span.start] !== DICT_TOKEN) return top.fail('info', 'a dictionary')
  const raw = torrent.subarray(span.start, span.end)
  const layers = dict.spans.get('piece layers')
  const reading = { limits, portable: isPortable(options), warn }
  return yield* readAll(raw, top, warnings, reading, layers && { bytes: view.bytes, start: layers.start })
}

function* readInfoAlone(info: Uint8Array, limits: Limits, options: NameOptions): Steps<Metainfo> {
  checkKind(info)
  const warnings = new Warnings()
  const { warn } = warnings
  const end = yield* new Scan(info, limits).value(0, true)
  if (end < info.length) failAt(`${info.length - end} bytes after info`, end)
  const top = new Fields(new Map(), '', warn)
  return yield* readAll(info, top, warnings, { limits, portable: isPortable(options), warn })
}

/** @param raw the validated bytes of `info` @param layers the position of `piece layers` */
function* readAll(
  raw: Uint8Array,
  top: Fields,
  warnings: Warnings,
  reading: Reading,
  layers?: { readonly bytes: Buffer; readonly start: number },
): Steps<Metainfo> {
  const copy = yield* copied(raw)
  const content = yield* readInfo({ ...copy, layers: () => layersAt(layers) }, reading)
  return { ...content, info: copy.info, ...readAround(top, reading.warn), warnings: warnings.list() }
}

function* layersAt(
  place: { readonly bytes: Buffer; readonly start: number } | undefined,
): Steps<PieceLayers> {
  return place ? yield* readPieceLayers(place.bytes, place.start) : new Map()
}

/** Copies `info`, since the caller may reuse the .torrent, and hashes it. */
function* copied(raw: Uint8Array): Steps<Pick<Metainfo, 'info' | 'infoHash'>> {
  const info = Buffer.allocUnsafeSlow(raw.length)
  for (let at = 0; at < raw.length; at += COPY_CHUNK_BYTES) {
    info.set(raw.subarray(at, at + COPY_CHUNK_BYTES), at)
    yield
  }
  return { info, infoHash: yield* hashInSteps('sha1', info) }
}

function bufferOf({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength)
}

function checkKind(torrent: Uint8Array): void {
  checkArgument('torrent', torrent, 'bytes')
  const fail = (what: string) => {
    throw new InputError('ERR_METAINFO', `not a torrent: ${what}`)
  }
  if (torrent.length === 0) fail('it is empty')
  if (torrent.length > MAX_TORRENT_SIZE) fail(`${torrent.length} bytes, the limit is ${MAX_TORRENT_SIZE}`)
  if (torrent[0] !== DICT_TOKEN) {
    const first = Buffer.from(torrent.subarray(0, 4)).toString('latin1')
    fail(`expected a bencoded dictionary, got ${quote(first)}`)
  }
}
