import { useEffect, useState } from 'preact/hooks'

/** The view of the page: `#/` is the list, `#/torrent/HASH/TAB/...` one torrent. */
export interface PageRoute {
  readonly view: 'list' | 'torrent'
  readonly infoHash: string
  /** The names after the info-hash, decoded. */
  readonly rest: readonly string[]
}

/** Parses the part of a URL after `#`. */
function parseRoute(hash: string): PageRoute {
  const [, view, infoHash = '', ...rest] = hash.replace(/^#/, '').split('/')
  if (view !== 'torrent' || !/^[\da-f]{40}$/.test(infoHash)) return { view: 'list', infoHash: '', rest: [] }
  return { view, infoHash, rest: rest.map(decodeName) }
}

/** Returns the URL of a view of one torrent. */
export function torrentUrlOf(infoHash: string, ...rest: readonly string[]): string {
  return `#/torrent/${[infoHash, ...rest.map(encodeURIComponent)].join('/')}`
}

/** Returns the present view. */
export function useRoute(): PageRoute {
  const [hash, setHash] = useState(location.hash)
  useEffect(() => {
    const onChange = () => setHash(location.hash)
    addEventListener('hashchange', onChange)
    return () => removeEventListener('hashchange', onChange)
  }, [])
  return parseRoute(hash)
}

function decodeName(name: string): string {
  try {
    return decodeURIComponent(name)
  } catch {
    return name
  }
}
