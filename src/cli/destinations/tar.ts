import { createHash, type Hash } from 'node:crypto'
import { type Metainfo, packTar, type Torrent, WindowStorage } from '../../index.ts'
import type { DownloadDestination } from './destination.ts'
import { writeToStdout } from './piped.ts'

/** Options of a tar stream on standard output. */
export interface TarDestinationOptions {
  readonly selected: ReadonlySet<number> | undefined
  readonly strip: boolean
  readonly digest: boolean
}

/** Begins to write the selected files to standard output as one tar archive. */
export function beginTarToStdout(
  torrent: Torrent,
  metainfo: Metainfo,
  { selected, strip, digest }: TarDestinationOptions,
): DownloadDestination {
  const hashes = new Map<number, Hash>()
  const passing = (fileIndex: number, chunk: Uint8Array) => {
    const hash = hashes.get(fileIndex) ?? createHash('sha256')
    hashes.set(fileIndex, hash)
    hash.update(chunk)
  }
  const chosen = selected ? { select: (index: number) => selected.has(index) } : {}
  torrent.begin({ ...chosen, storage: new WindowStorage(), sharedMemory: true }, metainfo)
  const packer = packTar(torrent, { ...chosen, strip, lend: true, ...(digest ? { passing } : {}) })
  const digests = new Map<string, string>()
  return {
    digests,
    async transfer() {
      await writeToStdout(packer)
      await torrent.done
      for (const [index, { path, pad, symlink }] of metainfo.files.entries()) {
        if (!digest || pad || symlink !== undefined || selected?.has(index) === false) continue
        digests.set(path, (hashes.get(index) ?? createHash('sha256')).digest('hex'))
      }
    },
  }
}
