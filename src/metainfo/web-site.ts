import { Layout } from './layout.ts'
import type { FileEntry, Metainfo } from './metainfo.ts'
import { fileUrl, pieceUrl } from './web-url.ts'

/** What to ask a web seed for, to get bytes of the torrent. */
export interface WebPart {
  /** None for padding (BEP 47), which is zeros and never asked for. */
  readonly url: URL | undefined
  /** Bytes of the torrent that it brings, at least 1. */
  readonly length: number
  /** Where they lie in what the URL names, and how long that is in all; without it, they are all that it names. */
  readonly range?: { readonly first: number; readonly size: number }
  /** What cannot be had when this URL turns out to be of no use. */
  readonly key: number
}

/** Which URLs bring which bytes of a torrent. */
export interface WebSite {
  /** The first part of `length` bytes from `position`. */
  part(position: number, length: number): WebPart
  /** The path of the file that `key` is, where it is one. */
  nameOf(key: number): string | undefined
  /** The pieces that cannot be had without `key`: from the first to the last. */
  piecesOf(key: number): { readonly first: number; readonly last: number } | undefined
}

type Content = Pick<Metainfo, 'files' | 'length' | 'pieceLength' | 'name' | 'spelledName' | 'multiFile'>

/** A site with the torrent's files as they are (BEP 19); keys are indices of files. */
export class FileSite implements WebSite {
  readonly #base: string
  readonly #metainfo: Content
  readonly #layout: Layout

  constructor(base: string, metainfo: Content, layout = new Layout(metainfo)) {
    this.#base = base
    this.#metainfo = metainfo
    this.#layout = layout
  }

  part(position: number, length: number): WebPart {
    const key = this.#layout.fileOf(position)
    const file: FileEntry = this.#layout.files[key]!
    const first = position - file.offset
    const taken = Math.min(length, file.length - first)
    if (file.pad) return { key, url: undefined, length: taken }
    const url = fileUrl(this.#base, this.#metainfo, file)
    return { key, url, length: taken, range: { first, size: file.length } }
  }

  nameOf(key: number) {
    return this.#layout.files[key]?.path
  }

  piecesOf(key: number) {
    return this.#layout.piecesOf(key)
  }
}

/** A site with a script that gives pieces (BEP 17); its one key is 0. */
export class PieceSite implements WebSite {
  readonly #base: string
  readonly #infoHash: Uint8Array
  readonly #layout: Layout

  constructor(base: string, metainfo: Content & Pick<Metainfo, 'infoHash'>, layout = new Layout(metainfo)) {
    this.#base = base
    this.#infoHash = metainfo.infoHash
    this.#layout = layout
  }

  part(position: number, length: number): WebPart {
    const index = this.#layout.pieceOf(position)
    const piece = this.#layout.pieceRange(index)
    const begin = position - piece.position
    const taken = Math.min(length, piece.length - begin)
    const range = taken === piece.length ? undefined : ([begin, begin + taken - 1] as const)
    return { key: 0, url: pieceUrl(this.#base, this.#infoHash, index, range), length: taken }
  }

  nameOf() {
    return undefined
  }

  piecesOf() {
    return { first: 0, last: this.#layout.pieceCount - 1 }
  }
}
