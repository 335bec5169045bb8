/** The web page: names in it are strangers', and every one goes through `htmlEscape`. */
import { createHash } from 'node:crypto'
import { htmlEscape } from 'escape-goat'
import prettyBytes from 'pretty-bytes'
import type { Progress } from '../pipeline/progress.ts'
import type { Served, Shelf } from './shelf.ts'
import { nameOf, parentOf, type Tree, topOf } from './tree.ts'
import type { Urls } from './urls.ts'

const STYLE = `
  body { font: 16px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 60em; padding: 0 1em; color-scheme: light dark }
  table { border-collapse: collapse; width: 100% }
  td { padding: .2em 0; overflow-wrap: anywhere }
  td + td { padding-left: 1em; text-align: right; white-space: nowrap }
`

/** What a page may do: be shown in our style, and nothing else. */
export const PAGE_POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** The page of all torrents, in parts. */
export function* shelfPage(shelf: Shelf, urls: Urls): Generator<string> {
  yield head('tsdl')
  if (shelf.size === 0) yield '<p>Nothing is served.</p>\n'
  yield '<table>\n'
  for (const { metainfo, progress } of shelf.values())
    yield row(urls.directory(metainfo, topOf(metainfo)), metainfo.name, standing(metainfo.length, progress))
  yield '</table>\n'
}

/** The page of one directory of a torrent, in parts. */
export function* directoryPage(
  { metainfo, progress }: Served,
  tree: Tree,
  at: string,
  urls: Urls,
): Generator<string> {
  const path = at === '' ? tree.top : at
  const { directories = [], files = [] } = tree.directory(path) ?? {}
  yield head(path === '' ? metainfo.name : path)
  yield htmlEscape`<p>${standing(metainfo.length, progress)}</p>\n<table>\n`
  const above = path === tree.top ? urls.shelf() : urls.directory(metainfo, parentOf(path))
  yield row(above, '..', '')
  const below = path === '' ? '' : `${path}/`
  for (const name of directories) yield row(urls.directory(metainfo, below + name), `${name}/`, '')
  for (const index of files) {
    const file = metainfo.files[index]!
    const size = file.symlink === undefined ? bytes(file.length) : 'link'
    yield row(urls.file(metainfo, file.path), nameOf(file.path), size)
  }
  yield '</table>\n'
}

function head(title: string): string {
  const start = htmlEscape`<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>${title}</title>\n`
  const viewport = '<meta name="viewport" content="width=device-width">\n'
  return `${start}${viewport}<style>${STYLE}</style>\n${htmlEscape`<h1><bdi>${title}</bdi></h1>\n`}`
}

function row(url: string, name: string, about: string): string {
  return htmlEscape`<tr><td><a href="${url}"><bdi>${name}</bdi></a></td><td>${about}</td></tr>\n`
}

function standing(length: number, progress?: Progress): string {
  if (!progress) return bytes(length)
  const { verified, total, downSpeed, peers } = progress
  const part = total === 0 ? 100 : Math.floor((verified / total) * 100)
  const speed = verified < total ? `, ${bytes(Math.round(downSpeed))}/s` : ''
  return `${bytes(length)}, ${part}% verified${speed}, ${peers} peer${peers === 1 ? '' : 's'}`
}

function bytes(count: number): string {
  return prettyBytes(count, { binary: true })
}
