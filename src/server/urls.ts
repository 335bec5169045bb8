import type { Metainfo } from '../metainfo/metainfo.ts'

/**
 * Where things are: `/` is everything, `/INFOHASH/` a torrent, `/INFOHASH/PATH/` a directory in it and `/INFOHASH/PATH`
 * a file, each name of the path percent-encoded. They carry the token, where there is one.
 */
export class Urls {
  readonly #query: string

  constructor(token?: string) {
    this.#query = token === undefined ? '' : `?token=${encodeURIComponent(token)}`
  }

  /** The list of torrents. */
  shelf(): string {
    return `/${this.#query}`
  }

  /** A directory, or with the path '' the torrent itself. */
  directory({ infoHash }: Metainfo, path = ''): string {
    return `/${infoHash.toString('hex')}/${path === '' ? '' : `${encodePath(path)}/`}${this.#query}`
  }

  file({ infoHash }: Metainfo, path: string): string {
    return `/${infoHash.toString('hex')}/${encodePath(path)}${this.#query}`
  }
}

/** What a request names. */
export interface Target {
  /** The authority of a target that is a whole URL; it counts more than the `Host` header (RFC 9112, 3.2.2). */
  readonly host?: string | undefined
  /** The names between slashes, decoded; a slash at the end leaves an empty one. */
  readonly names: readonly string[]
  readonly query: URLSearchParams
}

/** Takes the target of a request apart (RFC 9112, 3.2); undefined when it is none, or not percent-encoded UTF-8. */
export function parseTarget(target: string): Target | undefined {
  const match = /^(?:http:\/\/([^/?#]*))?(\/[^?#]*)?(?:\?([^#]*))?$/i.exec(target)
  if (!match || (match[1] === undefined && match[2] === undefined)) return undefined
  const [, host, path = '/', query = ''] = match
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
