/** The web pages. The names in them are untrusted: `htmlEscape` is applied to every one. */
import { createHash } from 'node:crypto'
import { htmlEscape } from 'escape-goat'
import { formatByteRate, formatBytes } from '../codec/byte-amounts.ts'
import { lastNameOf, parentOf } from '../metainfo/path-parts.ts'
import type { Progress } from '../pipeline/torrent/progress.ts'
import type { PageShell } from './page/page-shell.ts'
import type { ServedTorrent, ServedTorrents } from './served-torrents.ts'
import { type Tree, topOf } from './tree.ts'
import type { Urls } from './urls.ts'

const PAGE_STYLE = `
  body { font: 16px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 60em; padding: 0 1em; color-scheme: light dark }
  table { border-collapse: collapse; width: 100% }
  td { padding: .2em 0; overflow-wrap: anywhere }
  td + td { padding-left: 1em; text-align: right; white-space: nowrap }
`

/** The policy of the pages: they may use their own style, and nothing else. */
export const PAGE_POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(PAGE_STYLE).digest('base64')}'`,
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** The page that lists all torrents, in parts. @param shell of the live page, around the list */
export function* indexPage(torrents: ServedTorrents, urls: Urls, shell?: PageShell): Generator<string> {
  yield shell?.start ?? head('tsdl')
  if (torrents.size === 0) yield '<p>No torrents.</p>\n'
  yield '<table>\n'
  for (const { metainfo, progress } of torrents.values())
    yield row(
      urls.directory(metainfo, topOf(metainfo)),
      metainfo.name,
      describeProgress(metainfo.length, progress),
    )
  yield `</table>\n${shell?.end ?? ''}`
}

/** The page of one directory of a torrent, in parts. */
export function* directoryPage(
  { metainfo, progress }: ServedTorrent,
  tree: Tree,
  at: string,
  urls: Urls,
): Generator<string> {
  const path = at === '' ? tree.top : at
  const { directories = [], files = [] } = tree.directory(path) ?? {}
  yield head(path === '' ? metainfo.name : path)
  const archive = htmlEscape`<a href="${urls.archive(metainfo, path)}" download>tar</a>`
  yield `${htmlEscape`<p>${describeProgress(metainfo.length, progress)}`}, ${archive}</p>\n<table>\n`
  const above = path === tree.top ? urls.index() : urls.directory(metainfo, parentOf(path))
  yield row(above, '..', '')
  const below = path === '' ? '' : `${path}/`
  for (const name of directories) yield row(urls.directory(metainfo, below + name), `${name}/`, '')
  for (const index of files) {
    const file = metainfo.files[index]!
    const size = file.symlink === undefined ? formatBytes(file.length) : 'link'
    yield row(urls.file(metainfo, file.path), lastNameOf(file.path), size)
  }
  yield '</table>\n'
}

function head(title: string): string {
  const start = htmlEscape`<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>${title}</title>\n`
  const viewport = '<meta name="viewport" content="width=device-width">\n'
  return `${start}${viewport}<style>${PAGE_STYLE}</style>\n${htmlEscape`<h1><bdi>${title}</bdi></h1>\n`}`
}

function row(url: string, name: string, detail: string): string {
  return htmlEscape`<tr><td><a href="${url}"><bdi>${name}</bdi></a></td><td>${detail}</td></tr>\n`
}

function describeProgress(length: number, progress?: Progress): string {
  if (!progress) return formatBytes(length)
  const { verified, total, downSpeed, peers } = progress
  const part = total === 0 ? 100 : Math.floor((verified / total) * 100)
  const speed = verified < total ? `, ${formatByteRate(downSpeed)}` : ''
  return `${formatBytes(length)}, ${part}% verified${speed}, ${peers} peer${peers === 1 ? '' : 's'}`
}
