/** A .torrent (BEP 3, v1) read and checked: what passes can be laid out, downloaded and written. */
import { createHash } from 'node:crypto'
import { DICT, failAt } from '../codec/bencode-grammar.ts'
import { Scan, type Steps } from '../codec/bencode-scan.ts'
import { BencodeView } from '../codec/bencode-view.ts'
import { quote } from '../codec/quote.ts'
import { InputError } from '../errors.ts'
import { KEYS_AROUND, readAround } from './around.ts'
import { Fields } from './fields.ts'
import { readInfo } from './info.ts'
import type { Metainfo } from './metainfo.ts'
import { isPortable, type NameOptions } from './name.ts'
import type { Limits, Reading } from './reading.ts'
import { runAtOnce, runInTurns } from './steps.ts'
import { Warnings } from './warnings.ts'

/** Bytes of a .torrent: room for five million pieces. To be held against whatever one is read from. */
export const MAX_TORRENT_SIZE = 100 * 1024 * 1024

/**
 * A file tree (BEP 52, in hybrids) may go as deep as a path; 500,000 files in directories take seven items each in
 * `files`, and ten there.
 */
const LIMITS = { maxDepth: 256, maxItems: 10_000_000, maxFiles: 500_000, advice: '' }
/** What is parsed in one go takes a tenth of a second. */
const LIMITS_AT_ONCE = {
  maxDepth: 256,
  maxItems: 2_000_000,
  maxFiles: 50_000,
  advice: ' (openMetainfo reads larger torrents)',
}
/** Bytes that are copied and hashed from one yield to the next. */
const HASH_CHUNK = 4 * 1024 * 1024

const TOP_KEYS = new Set(['info', ...KEYS_AROUND])

/**
 * The torrent that `torrent` spells, read in turns with everything else that the process does: no turn takes longer than
 * some milliseconds, and memory stays within twelve times the size. `torrent` must not change meanwhile.
 * Hybrids (BEP 52) are read as v1. Names of files are as the system takes them.
 * Rejects with ERR_BENCODE, ERR_METAINFO or ERR_PATH, on one line that names the key and what it holds.
 */
export function openMetainfo(torrent: Uint8Array, options: NameOptions = {}): Promise<Metainfo> {
  return runInTurns(readTorrent(torrent, LIMITS, options))
}

/** As `openMetainfo`, for an `info` dictionary by itself, as peers send it (BEP 9): no trackers, no web seeds. */
export function openInfo(info: Uint8Array, options: NameOptions = {}): Promise<Metainfo> {
  return runInTurns(readInfoAlone(info, LIMITS, options))
}

/**
 * As `openMetainfo`, at once: for torrents of up to 50,000 files and 2,000,000 values, which take about a tenth of a
 * second. Throws what `openMetainfo` rejects with, and for larger ones.
 */
export function parse(torrent: Uint8Array, options: NameOptions = {}): Metainfo {
  return runAtOnce(readTorrent(torrent, LIMITS_AT_ONCE, options))
}

/** As `openInfo`, with the bounds of `parse`. */
export function parseInfo(info: Uint8Array, options: NameOptions = {}): Metainfo {
  return runAtOnce(readInfoAlone(info, LIMITS_AT_ONCE, options))
}

function* readTorrent(torrent: Uint8Array, limits: Limits, options: NameOptions): Steps<Metainfo> {
  checkKind(torrent)
  const warnings = new Warnings()
  const { warn } = warnings
  const dict = (yield* new Scan(torrent, limits).dict(0, TOP_KEYS, 'info'))!
  // What follows the dictionary is ignored, as other clients do.
  const view = new BencodeView(bufferOf(torrent), dict.spans, { repeatedKeys: 'first' })
  const top: Fields = new Fields(view, '', warn)
  const span = dict.spans.get('info')
  if (!span || torrent[span.start] !== DICT) return top.fail('info', 'a dictionary')
  const raw = torrent.subarray(span.start, span.end)
  return yield* readAll(raw, top, warnings, { limits, portable: isPortable(options), warn })
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

/** @param raw the bytes of `info`, which were checked */
function* readAll(raw: Uint8Array, top: Fields, warnings: Warnings, reading: Reading): Steps<Metainfo> {
  const { info, infoHash } = yield* copied(raw)
  const content = yield* readInfo(info, infoHash, reading)
  return { ...content, infoHash, info, ...readAround(top, reading.warn), warnings: warnings.list() }
}

/** Memory of its own, since the caller may use the torrent's again; and its hash. */
function* copied(raw: Uint8Array): Steps<Pick<Metainfo, 'info' | 'infoHash'>> {
  const info = Buffer.allocUnsafeSlow(raw.length)
  const hash = createHash('sha1')
  for (let at = 0; at < raw.length; at += HASH_CHUNK) {
    info.set(raw.subarray(at, at + HASH_CHUNK), at)
    hash.update(info.subarray(at, at + HASH_CHUNK))
    yield
  }
  return { info, infoHash: hash.digest() }
}

function bufferOf({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength)
}

function checkKind(torrent: Uint8Array): void {
  const fail = (what: string) => {
    throw new InputError('ERR_METAINFO', `not a torrent: ${what}`)
  }
  if (torrent.length === 0) fail('it is empty')
  if (torrent.length > MAX_TORRENT_SIZE) fail(`${torrent.length} bytes, at most ${MAX_TORRENT_SIZE} are read`)
  if (torrent[0] !== DICT) {
    const first = Buffer.from(torrent.subarray(0, 4)).toString('latin1')
    fail(`expected a bencoded dictionary, got ${quote(first)}`)
  }
}
