import type { LoopTurns } from './loop-turns.ts'
import { findServed, type ServedTorrent, type ServedTorrents } from './served-torrents.ts'
import { type Tree, treeOf } from './tree.ts'

/** The object that a URL names. */
export type Route =
  | { readonly kind: 'index' }
  | { readonly kind: 'directory'; readonly served: ServedTorrent; readonly path: string; readonly tree: Tree }
  | { readonly kind: 'file'; readonly served: ServedTorrent; readonly index: number }
  /** A directory, requested without the trailing slash. */
  | { readonly kind: 'moved'; readonly served: ServedTorrent; readonly path: string }
  /** A symlink (BEP 47), with its target as path. */
  | { readonly kind: 'link'; readonly served: ServedTorrent; readonly path: string }

/**
 * Returns the object at the path of these names; undefined if there is none. Paths are compared whole with those of the
 * torrent, so that no spelling of `..` or of a slash comes to mean anything.
 *
 * Inputs: the names, and the torrents. The torrent's tree is made at the first request, in turns of the loop.
 */
export async function routeOf(
  names: readonly string[],
  torrents: ServedTorrents,
  turns: LoopTurns,
): Promise<Route | undefined> {
  const [hash = '', ...rest] = names
  if (names.length === 1 && hash === '') return { kind: 'index' }
  const served = findServed(torrents, hash.toLowerCase())
  if (!served) return undefined
  if (rest.length === 0) return { kind: 'moved', served, path: '' }
  const asDirectory = rest.at(-1) === ''
  const inside = asDirectory ? rest.slice(0, -1) : rest
  if (inside.some(name => name === '' || name.includes('/'))) return undefined
  const path = inside.join('/')
  const tree = await treeOf(served.metainfo, turns)
  const isDirectory = tree.directory(path) !== undefined
  if (asDirectory) return isDirectory ? { kind: 'directory', served, path, tree } : undefined
  const index = tree.file(path)
  if (index === undefined) return isDirectory ? { kind: 'moved', served, path } : undefined
  const { symlink } = served.metainfo.files[index]!
  return symlink === undefined ? { kind: 'file', served, index } : { kind: 'link', served, path: symlink }
}
