import type { Metainfo } from '../metainfo/metainfo.ts'

/**
 * The URLs of a server: `/` is the list of torrents, `/INFOHASH/` a torrent, `/INFOHASH/PATH/` a directory in it and
 * `/INFOHASH/PATH` a file, all below a prefix. Each name of a path is percent-encoded. With a token, every URL carries it.
 */
export class Urls {
  readonly #query: string
  readonly #prefix: string

  /** @param prefix '' or `/name` */
  constructor(token?: string, prefix = '') {
    this.#prefix = prefix
    this.#query = token === undefined ? '' : `?token=${encodeURIComponent(token)}`
  }

  /** The URL of the list of torrents. */
  index(): string {
    return `${this.#prefix}/${this.#query}`
  }

  /** The URL of a file of the live page. */
  page(name: string): string {
    return `${this.#prefix}/page/${name}${this.#query}`
  }

  /** The URL of a directory; the path '' stands for the torrent itself. */
  directory({ infoHash }: Metainfo, path = ''): string {
    return `${this.#prefix}/${infoHash.toString('hex')}/${path === '' ? '' : `${encodePath(path)}/`}${this.#query}`
  }

  /** The URL of a directory as a tar archive. */
  archive(metainfo: Metainfo, path = ''): string {
    return `${this.directory(metainfo, path)}${this.#query === '' ? '?' : '&'}tar`
  }

  /** The URL of a file. */
  file({ infoHash }: Metainfo, path: string): string {
    return `${this.#prefix}/${infoHash.toString('hex')}/${encodePath(path)}${this.#query}`
  }
}

/** The target of a request, decoded. */
export interface Target {
  /** The authority of a target in absolute form; it overrides the `Host` header (RFC 9112, 3.2.2). */
  readonly host?: string | undefined
  /** The names between slashes, decoded; a trailing slash gives an empty last name. */
  readonly names: readonly string[]
  readonly query: URLSearchParams
}

/**
 * Parses the target of a request (RFC 9112, 3.2). Removes the prefix, unless a router has removed it before.
 * @returns undefined if the target is invalid, or not percent-encoded UTF-8
 */
export function parseTarget(target: string, prefix = ''): Target | undefined {
  const match = /^(?:http:\/\/([^/?#]*))?(\/[^?#]*)?(?:\?([^#]*))?$/i.exec(target)
  if (!match || (match[1] === undefined && match[2] === undefined)) return undefined
  const [, host, fullPath = '/', query = ''] = match
  const path =
    fullPath === prefix ? '/' : fullPath.startsWith(`${prefix}/`) ? fullPath.slice(prefix.length) : fullPath
  try {
    const names = path.slice(1).split('/').map(decodeURIComponent)
    return { host, names, query: new URLSearchParams(query) }
  } catch {
    return undefined
  }
}

function encodePath(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/')
}
