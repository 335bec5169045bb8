import { Layout } from './layout.ts'
import type { FileEntry, Metainfo } from './metainfo.ts'
import { fileUrl, pieceUrl } from './web-url.ts'

/** A request to a web seed for bytes of the torrent. */
export interface WebPart {
  /** The URL. Undefined for padding (BEP 47), which is zeros and never requested. */
  readonly url: URL | undefined
  /** Number of bytes of the torrent in the reply, at least 1. */
  readonly length: number
  /** The offset of these bytes in the resource, and its size. Missing if they are the whole resource. */
  readonly range?: { readonly first: number; readonly size: number }
  /** Identifies the resource, to mark it as unavailable when a request fails. */
  readonly key: number
}

/** The mapping from bytes of a torrent to URLs of a web seed. */
export interface WebSite {
  /** Returns the first request for `length` bytes from `position`. */
  part(position: number, length: number): WebPart
  /** Returns the path of the file that `key` identifies, if it identifies a file. */
  nameOf(key: number): string | undefined
  /** Returns the first and last piece that need the resource `key`. */
  piecesOf(key: number): { readonly first: number; readonly last: number } | undefined
}

type SiteContent = Pick<Metainfo, 'files' | 'length' | 'pieceLength' | 'name' | 'spelledName' | 'multiFile'>

/** A web seed that serves the files of the torrent (BEP 19). Keys are file indices. */
export class FileSite implements WebSite {
  readonly #base: string
  readonly #metainfo: SiteContent
  readonly #layout: Layout

  constructor(base: string, metainfo: SiteContent, layout = new Layout(metainfo)) {
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

/** A web seed with a script that serves pieces (BEP 17). Its only key is 0. */
export class PieceSite implements WebSite {
  readonly #base: string
  readonly #infoHash: Uint8Array
  readonly #layout: Layout

  constructor(
    base: string,
    metainfo: SiteContent & Pick<Metainfo, 'infoHash'>,
    layout = new Layout(metainfo),
  ) {
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
