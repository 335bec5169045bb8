import { InputError } from '../errors.ts'
import { isMetainfo, Layout, locate, type Metainfo, verify as verifyFiles } from '../index.ts'
import { pick } from '../ports/pick.ts'
import { type DamagedBlocks, type FileByteRange, findDamagedRanges } from './damaged-ranges.ts'
import { EXIT_CODES } from './exit.ts'
import type { LoadMetainfoOptions } from './load.ts'
import type { Reporter } from './reporter.ts'
import { openSource } from './source.ts'
import { printLine } from './stdout.ts'
import { json as toJson } from './terminal.ts'

/** Maximum number of ranges of a file in a line of text. */
const MAX_NAMED_RANGES = 8

/** The options of `tsdl verify`. */
export interface VerifyFlags extends LoadMetainfoOptions {
  readonly json?: boolean
  readonly quiet?: boolean
  /** True to ask peers which blocks of a wrong piece are wrong. */
  readonly blocks?: boolean
}

/** Hashes the files at `path` and prints the missing and wrong pieces as text or JSON. Returns the exit code. */
export async function verify(
  source: string,
  path: string,
  options: VerifyFlags,
  reporter: Reporter,
): Promise<number> {
  const { blocks = false, json = false } = options
  const metainfo = await loadMetainfo(source, options, reporter)
  const { format, pieceCount } = metainfo
  if (blocks && !metainfo.pieceNodes) {
    const reason = format === 'v1' ? 'a v1 torrent has no hashes of blocks' : 'no peer sent the piece layers'
    throw new InputError('ERR_USAGE', `--blocks: ${reason}`)
  }
  const located = await locate(metainfo, path, pick(options, 'portableNames'))
  const verified = await verifyFiles(metainfo, path, {
    located,
    useMainThread: true,
    onProgress: pieces => reporter.reportChecking(pieces, pieceCount),
  })
  const layout = new Layout(metainfo)
  const wrong = Array.from({ length: pieceCount }, (_, index) => index).filter(index => !verified.has(index))
  let damaged: DamagedBlocks = new Map()
  if (blocks && wrong.length > 0) {
    const { fetchDamage } = await import('./fetch-damage.ts')
    damaged = await fetchDamage(metainfo, { path, located }, wrong, options, reporter)
  }
  reporter.close()
  // The number of wrong pieces before each piece, because a torrent may have more files than pieces.
  const wrongBefore = new Uint32Array(pieceCount + 1)
  for (let piece = 0; piece < pieceCount; piece++) {
    wrongBefore[piece + 1] = wrongBefore[piece]! + (verified.has(piece) ? 0 : 1)
  }
  // A piece of a v2 or hybrid torrent lies in one file.
  const inOneFile = format !== 'v1'
  const rangesOf = (index: number) => findDamagedRanges(layout, index, verified, damaged)
  const files = metainfo.files.flatMap(({ path, length, pad }, index) => {
    const range = layout.piecesOf(index)
    const bad = range ? wrongBefore[range.last + 1]! - wrongBefore[range.first]! : 0
    if (pad) return []
    return [{ path, length, wrong: bad, ...(bad > 0 && inOneFile ? { ranges: rangesOf(index) } : {}) }]
  })
  if (json) {
    const { name, infoHash, infoHashV2 } = metainfo
    const result = {
      name,
      infoHash: format === 'v2' ? null : infoHash.toString('hex'),
      infoHashV2: infoHashV2?.toString('hex') ?? null,
      pieces: pieceCount,
      verified: verified.count,
      wrong,
      ...(blocks ? { unknownBlocks: wrong.filter(piece => !damaged.has(piece)) } : {}),
      files,
    }
    await printLine(toJson(result))
  } else {
    const lines = files.flatMap(({ path, wrong, ranges = [] }) =>
      wrong > 0 ? [`${path}: ${wrong} piece${wrong > 1 ? 's' : ''} missing or wrong${textOf(ranges)}`] : [],
    )
    await printLine([...lines, `${verified.count} of ${pieceCount} pieces are correct`].join('\n'))
  }
  return verified.full ? EXIT_CODES.ok : EXIT_CODES.notRight
}

/** Opens the source. What a magnet link, or a .torrent without piece layers, needs of the network is loaded for these alone. */
async function loadMetainfo(source: string, options: VerifyFlags, reporter: Reporter): Promise<Metainfo> {
  const opened = await openSource(source, options)
  const lacksLayers = isMetainfo(opened) && opened.format !== 'v1' && !opened.pieceNodes
  if (isMetainfo(opened) && !(lacksLayers && options.blocks)) return opened
  const { fetchMetainfo } = await import('./load.ts')
  return fetchMetainfo(opened, options, reporter)
}

/** Names the first ranges of a file. */
function textOf(ranges: readonly FileByteRange[]): string {
  if (ranges.length === 0) return ''
  const some = ranges
    .slice(0, MAX_NAMED_RANGES)
    .map(({ offset, length }) => `${offset}-${offset + length - 1}`)
    .join(', ')
  const more = ranges.length > MAX_NAMED_RANGES ? ` and ${ranges.length - MAX_NAMED_RANGES} more ranges` : ''
  return `: bytes ${some}${more}`
}
