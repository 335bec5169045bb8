import { Layout, verify as verifyFiles } from '../index.ts'
import { pick } from '../ports/pick.ts'
import { EXIT_CODES } from './exit.ts'
import { type LoadMetainfoOptions, loadMetainfo } from './load.ts'
import type { Reporter } from './reporter.ts'
import { printLine } from './stdout.ts'
import { json as toJson } from './terminal.ts'

/** The options of `tsdl verify`. */
export interface VerifyOptions extends LoadMetainfoOptions {
  readonly json?: boolean
  readonly quiet?: boolean
}

/** Hashes the files at `path` and prints the missing and wrong pieces as text or JSON. Returns the exit code. */
export async function verify(
  source: string,
  path: string,
  options: VerifyOptions,
  reporter: Reporter,
): Promise<number> {
  const { json = false } = options
  const metainfo = await loadMetainfo(source, options, reporter)
  const { pieceCount } = metainfo
  const verified = await verifyFiles(metainfo, path, {
    ...pick(options, 'portableNames'),
    onProgress: pieces => reporter.checking(pieces, pieceCount),
  })
  reporter.close()
  const layout = new Layout(metainfo)
  const wrong = Array.from({ length: pieceCount }, (_, index) => index).filter(index => !verified.has(index))
  // The number of wrong pieces before each piece, because a torrent may have more files than pieces.
  const wrongBefore = new Uint32Array(pieceCount + 1)
  for (let piece = 0; piece < pieceCount; piece++) {
    wrongBefore[piece + 1] = wrongBefore[piece]! + (verified.has(piece) ? 0 : 1)
  }
  const files = metainfo.files.flatMap(({ path, length, pad }, index) => {
    const range = layout.piecesOf(index)
    const bad = range ? wrongBefore[range.last + 1]! - wrongBefore[range.first]! : 0
    return pad ? [] : [{ path, length, wrong: bad }]
  })
  if (json) {
    const { name, infoHash } = metainfo
    const result = {
      name,
      infoHash: infoHash.toString('hex'),
      pieces: pieceCount,
      verified: verified.count,
      wrong,
      files,
    }
    await printLine(toJson(result))
  } else {
    const lines = files.flatMap(({ path, wrong }) =>
      wrong > 0 ? [`${path}: ${wrong} piece${wrong > 1 ? 's' : ''} missing or wrong`] : [],
    )
    await printLine([...lines, `${verified.count} of ${pieceCount} pieces are correct`].join('\n'))
  }
  return verified.full ? EXIT_CODES.ok : EXIT_CODES.notRight
}
