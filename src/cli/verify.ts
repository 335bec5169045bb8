import { isMetainfo, Layout, type Metainfo, verify as verifyFiles } from '../index.ts'
import { pick } from '../ports/pick.ts'
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
}

/** Hashes the files at `path` and prints the missing and wrong pieces as text or JSON. Returns the exit code. */
export async function verify(
  source: string,
  path: string,
  options: VerifyFlags,
  reporter: Reporter,
): Promise<number> {
  const { json = false } = options
  const metainfo = await loadMetainfo(source, options, reporter)
  const { pieceCount } = metainfo
  const verified = await verifyFiles(metainfo, path, {
    ...pick(options, 'portableNames'),
    useMainThread: true,
    onProgress: pieces => reporter.reportChecking(pieces, pieceCount),
  })
  reporter.close()
  const layout = new Layout(metainfo)
  const wrong = Array.from({ length: pieceCount }, (_, index) => index).filter(index => !verified.has(index))
  // The number of wrong pieces before each piece, because a torrent may have more files than pieces.
  const wrongBefore = new Uint32Array(pieceCount + 1)
  for (let piece = 0; piece < pieceCount; piece++) {
    wrongBefore[piece + 1] = wrongBefore[piece]! + (verified.has(piece) ? 0 : 1)
  }
  // A piece of a v2 or hybrid torrent lies in one file, so these bytes are exactly the wrong ones.
  const inOneFile = metainfo.format !== 'v1'
  const rangesOf = (index: number) => wrongRanges(layout, index, piece => !verified.has(piece))
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
      infoHash: metainfo.format === 'v2' ? null : infoHash.toString('hex'),
      infoHashV2: infoHashV2?.toString('hex') ?? null,
      pieces: pieceCount,
      verified: verified.count,
      wrong,
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

/** Opens the source. What a magnet link needs of the network is loaded for magnet links alone. */
async function loadMetainfo(source: string, options: VerifyFlags, reporter: Reporter): Promise<Metainfo> {
  const opened = await openSource(source, options)
  if (isMetainfo(opened)) return opened
  const { fetchMetainfo } = await import('./load.ts')
  return fetchMetainfo(opened, options, reporter)
}

interface FileByteRange {
  /** Offset in the file. */
  readonly offset: number
  readonly length: number
}

/** Returns the bytes of a file in wrong pieces. */
function wrongRanges(
  layout: Layout,
  fileIndex: number,
  isWrong: (piece: number) => boolean,
): FileByteRange[] {
  const file = layout.files[fileIndex]!
  const { first, last } = layout.piecesOf(fileIndex)!
  const ranges: { offset: number; length: number }[] = []
  for (let piece = first; piece <= last; piece++) {
    if (!isWrong(piece)) continue
    const offset = piece * layout.pieceLength - file.offset
    const length = Math.min(layout.pieceLength, file.length - offset)
    const before = ranges.at(-1)
    if (before && before.offset + before.length === offset) before.length += length
    else ranges.push({ offset, length })
  }
  return ranges
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
