import { create as contentDisposition } from 'content-disposition'
import { lastNameOf } from '../metainfo/path-parts.ts'
import { measureTar, packFiles } from '../pipeline/sinks/tar.ts'
import type { FileResponse } from './file-response.ts'
import type { LoopTurns } from './loop-turns.ts'
import type { ByteStream, ReadSequence, ServedTorrent } from './served-torrents.ts'

/**
 * A directory of a torrent as a tar archive: the selected files below it, in the torrent's order and with their paths in
 * the torrent. It is not the same after a change of the selection, so it has no entity tag and no ranges.
 */
export class Archive {
  /** The head of the response to a request for the archive. */
  readonly reply: FileResponse
  readonly #served: ServedTorrent
  /** 1 for each file in it, by index. */
  readonly #chosen: Uint8Array

  private constructor(served: ServedTorrent, path: string, chosen: Uint8Array, size: number) {
    this.#served = served
    this.#chosen = chosen
    const name = path === '' ? served.metainfo.name : lastNameOf(path)
    this.reply = {
      status: 200,
      headers: {
        'Accept-Ranges': 'none',
        'Cache-Control': 'no-store',
        'Content-Disposition': contentDisposition(`${name}.tar`),
        'Content-Length': size,
        'Content-Security-Policy': 'sandbox',
        'Content-Type': 'application/x-tar',
      },
      parts: [{ start: 0, end: size, preamble: '' }],
      epilogue: '',
    }
  }

  /**
   * Chooses and measures the files, in turns of the event loop. Rejects with ERR_PATH for a path that leaves the archive,
   * with the reason of the signal, and with that of a file that cannot be read now.
   * @param path the directory without a trailing slash; '' for all files
   */
  static async measure(
    served: ServedTorrent,
    path: string,
    turns: LoopTurns,
    signal: AbortSignal,
  ): Promise<Archive> {
    const { metainfo } = served
    const below = path === '' ? '' : `${path}/`
    const chosen = new Uint8Array(metainfo.files.length)
    const choose = (index: number) => {
      const { length, pad } = metainfo.files[index]!
      if (chosen[index] === 0 && length > 0 && !pad) served.checkRange?.(index, { start: 0, end: length })
      chosen[index] = 1
    }
    const select = (index: number) => {
      const isChosen = metainfo.files[index]!.path.startsWith(below) && served.isSelected?.(index) !== false
      if (isChosen) choose(index)
      return isChosen
    }
    const steps = measureTar(metainfo, { select })
    for (let step = steps.next(); ; step = steps.next()) {
      if (step.done) return new Archive(served, path, chosen, step.value)
      await turns.next()
      signal.throwIfAborted()
    }
  }

  /** Reads it. */
  open(): ByteStream {
    const { metainfo } = this.#served
    const files = this.#openFiles()
    const packer = packFiles(metainfo, {
      select: index => this.#chosen[index] === 1,
      open: index => files.read(index),
      peek: index => files.peek?.(index),
    })
    for (const event of ['end', 'close'] as const) packer.on(event, () => files.close())
    return packer
  }

  #openFiles(): ReadSequence {
    const served = this.#served
    const [first, last] = [this.#chosen.indexOf(1), this.#chosen.lastIndexOf(1)]
    if (served.readSequence && first >= 0) {
      return served.readSequence(first, last, index => this.#chosen[index] === 1)
    }
    const { files } = served.metainfo
    return {
      read: index => served.read(index, { start: 0, end: files[index]!.length }),
      close() {},
    }
  }
}
