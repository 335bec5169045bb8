import {
  formatAddress,
  isMagnet,
  type Metainfo,
  magnetLinkOf,
  parseMagnet,
  type ScrapeResult,
  torrentOf,
} from '../index.ts'
import { bytes } from './amounts.ts'
import { EXIT_CODES } from './exit.ts'
import { torrentFieldsOf } from './json-reporter.ts'
import { type LoadMetainfoOptions, loadMetainfo } from './load.ts'
import { magnetJson, magnetText } from './magnet-info.ts'
import type { Reporter } from './reporter.ts'
import { scrapeTrackers } from './scrape-trackers.ts'
import { printLine } from './stdout.ts'
import { json as toJson, visible } from './terminal.ts'
import { writeTorrent } from './write-torrent.ts'

/** The options of `tsdl info`. */
export interface InfoOptions extends LoadMetainfoOptions {
  readonly output?: string
  readonly json?: boolean
  readonly offline?: boolean
  /** True to print the magnet link instead of all fields. */
  readonly magnet?: boolean
  readonly scrape?: boolean
  readonly quiet?: boolean
}

/** Prints the content of a torrent; with `--offline` only the fields of a magnet link. */
export async function info(source: string, options: InfoOptions, reporter: Reporter): Promise<number> {
  const { json, magnet: asLink, offline, output, scrape } = options
  if (offline && isMagnet(source)) {
    const link = parseMagnet(source)
    await printLine(json ? magnetJson(link) : asLink ? magnetLinkOf(link) : magnetText(link))
    return EXIT_CODES.ok
  }
  const metainfo = await loadMetainfo(source, options, reporter)
  if (output !== undefined) await writeTorrent(output, torrentOf(metainfo))
  const scraped = scrape ? await scrapeTrackers(metainfo, options) : undefined
  if (output !== '-') {
    const results = scraped?.results
    const text = json ? infoJson : asLink ? magnetLinkOf : infoText
    await printLine(text(metainfo, results))
  }
  return scraped?.exit ?? EXIT_CODES.ok
}

/** Returns all fields of a torrent, and the results of a scrape if there was one, as one JSON object. */
export function infoJson(metainfo: Metainfo, results?: readonly ScrapeResult[]): string {
  const { files, ...fields } = torrentFieldsOf(metainfo)
  const roots = metainfo.files.flatMap(({ pad, piecesRoot }) => (pad ? [] : [piecesRoot]))
  return toJson({
    ...fields,
    files: files.map((file, at) => (roots[at] ? { ...file, piecesRoot: roots[at].toString('hex') } : file)),
    private: metainfo.private,
    source: metainfo.source ?? null,
    trackers: metainfo.trackers,
    webSeeds: metainfo.webSeeds,
    httpSeeds: metainfo.httpSeeds ?? [],
    nodes: metainfo.nodes?.map(formatAddress) ?? [],
    comment: metainfo.comment ?? null,
    createdBy: metainfo.createdBy ?? null,
    creationDate: metainfo.creationDate ?? null,
    magnet: magnetLinkOf(metainfo),
    ...(results && { scrape: scrapeFields(results) }),
  })
}

/** Returns the same as text. */
export function infoText(metainfo: Metainfo, results?: readonly ScrapeResult[]): string {
  const {
    name,
    infoHash,
    length,
    pieceCount,
    pieceLength,
    trackers,
    webSeeds,
    httpSeeds = [],
    comment,
    createdBy,
  } = metainfo
  const rows: [string, string | undefined][] = [
    ['name', name],
    ['info-hash', metainfo.format === 'v2' ? undefined : infoHash.toString('hex')],
    ['v2', metainfo.infoHashV2?.toString('hex')],
    ['size', `${length} bytes (${bytes(length)})`],
    ['pieces', `${pieceCount} of ${bytes(pieceLength)}`],
    ['private', metainfo.private ? 'yes' : undefined],
    ['source', metainfo.source],
    ['comment', comment],
    ['created by', createdBy],
    ['created', metainfo.creationDate === undefined ? undefined : date(metainfo.creationDate)],
    ...trackers.map((tier, at): [string, string] => [at === 0 ? 'trackers' : '', tier.join('  ')]),
    ...(results ? scrapeLines(results) : []).map((line, at): [string, string] => [
      at === 0 ? 'scrape' : '',
      line,
    ]),
    ...[...webSeeds, ...httpSeeds].map((url, at): [string, string] => [at === 0 ? 'web seeds' : '', url]),
    ['nodes', metainfo.nodes?.map(formatAddress).join('  ')],
  ]
  const head = rows.flatMap(([key, value]) =>
    value === undefined ? [] : [`${key.padEnd(11)}${visible(value).replaceAll('\n', '\\n')}`],
  )
  const files = metainfo.files.flatMap(({ path, length, pad, piecesRoot }, index) => {
    if (pad) return []
    const line = `${String(index).padStart(6)}  ${bytes(length).padStart(9)}  ${path}`
    return piecesRoot ? [line, `${' '.repeat(19)}root ${piecesRoot.toString('hex')}`] : [line]
  })
  return [...head, 'files', ...files].join('\n')
}

function date(seconds: number): string {
  const date = new Date(seconds * 1000)
  return Number.isNaN(date.getTime()) ? `${seconds} s` : date.toISOString()
}

/** Returns the results of a scrape as fields of a JSON object. A count that a tracker did not give is null. */
function scrapeFields(results: readonly ScrapeResult[]) {
  return results.map(
    ({ tracker, error, complete = null, incomplete = null, downloaded = null, downloaders }) =>
      error
        ? { tracker, error: { code: error.code, message: error.message } }
        : {
            tracker,
            complete,
            incomplete,
            downloaded,
            ...(downloaders === undefined ? {} : { downloaders }),
          },
  )
}

/** Returns the same as lines of text. */
function scrapeLines(results: readonly ScrapeResult[]): string[] {
  if (results.length === 0) return ['no tracker']
  return results.map(({ tracker, error, ...counts }) => {
    if (error) return error.message.replace(/^tracker /, '')
    const { complete = '?', incomplete = '?', downloaded = '?', downloaders } = counts
    const partial = downloaders === undefined ? '' : ` (${downloaders} of them downloading)`
    return `${tracker}: seeds ${complete}, leeches ${incomplete}${partial}, downloads ${downloaded}`
  })
}
