import { list, oneOf, text } from '../../session/records/fields.ts'
import type { SessionTorrent } from '../../session/session-torrent.ts'
import { JsonText } from './json-text.ts'
import { toLegacy, toSnakeCase } from './key-names.ts'
import { read } from './parameters.ts'
import type { Method, RpcContext } from './rpc-context.ts'
import { RPC_CODES, RpcError } from './rpc-error.ts'
import type { RpcTorrent } from './rpc-torrent.ts'
import { isRecentlyActive, selectTorrents } from './select-torrents.ts'
import {
  FACT_FIELDS,
  FILE_FIELDS,
  type ReplyContext,
  TORRENT_FIELDS,
  type TorrentField,
} from './torrent-fields.ts'

/** Maximum number of names of fields in one request. */
const MAX_FIELDS = 1000

/** A field that was requested. The reply spells its name as the request does. */
interface RequestedField {
  readonly spelled: string
  readonly name: string
  readonly read: TorrentField
}

/** Returns fields of torrents. Unknown fields and torrents are left out. */
export const torrentGet: Method = async (parameters, context, isLegacy) => {
  const names = read(parameters, 'fields', list(text(), MAX_FIELDS))
  if (!names) throw new RpcError(RPC_CODES.arguments, 'no fields specified')
  const format = read(parameters, 'format', oneOf('objects', 'table')) ?? 'objects'
  const fields = readFields(names)
  const torrents = selectTorrents(context.session, parameters.ids, context.changes)
  const trackers = context.trackers[isLegacy ? 'legacy' : 'json-rpc']
  const reply = { now: context.now(), isLegacy, trackers }
  const rows = describeTorrents(torrents, fields, context, reply)
  return {
    value: isRecentlyActive(parameters.ids) ? { removed: context.changes.removed } : {},
    list: {
      key: 'torrents',
      items: format === 'table' ? formatTable(rows, fields) : formatObjects(rows, fields),
    },
  }
}

function readFields(names: readonly string[]): RequestedField[] {
  return [...new Set(names)].flatMap(spelled => {
    const name = toSnakeCase(spelled)
    const field = TORRENT_FIELDS.get(name)
    return field ? [{ spelled, name, read: field }] : []
  })
}

async function* formatObjects(
  rows: AsyncIterable<readonly string[]>,
  fields: readonly RequestedField[],
): AsyncGenerator<string> {
  const keys = fields.map(({ spelled }, at) => `${at === 0 ? '' : ','}${JSON.stringify(spelled)}:`)
  for await (const row of rows) {
    // joined at once: a text that grows in steps is a tree of small strings, which the collector has to walk
    yield `{${row.map((value, at) => keys[at]! + value).join('')}}`
  }
}

async function* formatTable(
  rows: AsyncIterable<readonly string[]>,
  fields: readonly RequestedField[],
): AsyncGenerator<string> {
  yield JSON.stringify(fields.map(({ spelled }) => spelled))
  for await (const row of rows) yield `[${row.join(',')}]`
}

/** Yields the fields of one torrent after the other, as JSON, so that a list of many does not block the loop. */
async function* describeTorrents(
  torrents: readonly SessionTorrent[],
  fields: readonly RequestedField[],
  { facts, files, session }: RpcContext,
  reply: ReplyContext,
): AsyncGenerator<readonly string[]> {
  const needs = (group: object) => fields.some(({ name }) => Object.hasOwn(group, name))
  const [needsFacts, needsFiles, needsPlace] = [
    needs(FACT_FIELDS),
    needs(FILE_FIELDS),
    needs({ queue_position: 0 }),
  ]
  const positions = new Map(
    needsPlace ? session.queue.list().map((torrent, position) => [torrent, position]) : [],
  )
  for (const torrent of torrents) {
    const view: RpcTorrent = {
      torrent,
      record: torrent.record,
      progress: torrent.progress,
      peers: torrent.torrent?.peers ?? [],
      position: positions.get(torrent) ?? 0,
      // a promise for each torrent costs time, and is needed once
      facts: needsFacts ? (facts.get(torrent) ?? (await facts.load(torrent))) : facts.unknown,
      files: needsFiles ? (files.get(torrent) ?? (await files.load(torrent))) : [],
    }
    yield fields.map(({ read }) => formatValue(read(view, reply), reply.isLegacy))
  }
}

function formatValue(value: unknown, isLegacy: boolean): string {
  // most fields are numbers, which need no call of JSON.stringify
  if (typeof value === 'number' && Number.isFinite(value)) return `${value}`
  if (value instanceof JsonText) return value.text
  return JSON.stringify(isLegacy && typeof value === 'object' ? toLegacy(value, 'camel') : value)
}
