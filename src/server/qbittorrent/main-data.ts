import { randomInt } from 'node:crypto'
import { LoopTurns } from '../loop-turns.ts'
import type { QbittorrentContext } from './qbittorrent-context.ts'
import { RevisionTable } from './revision-table.ts'
import { readServerState } from './server-state.ts'
import { describeTorrent } from './torrent-info.ts'

/** The first revision is a random number below this, so that one of an earlier process is not taken for one of ours. */
const MAX_FIRST_REVISION = 2 ** 30
/** Torrents that are described in one turn of the event loop. */
const TURN_TORRENTS = 16

/**
 * The answers of `sync/maindata`: torrents, categories, tags and the state of the server, or their changes since an
 * earlier answer, which the client names by its number.
 */
export class MainData {
  readonly #context: QbittorrentContext
  readonly #turns = new LoopTurns()
  readonly #first = randomInt(1, MAX_FIRST_REVISION)
  readonly #torrents = new RevisionTable(this.#first)
  readonly #categories = new RevisionTable(this.#first)
  readonly #tags = new RevisionTable(this.#first)
  readonly #server = new RevisionTable(this.#first)
  #revision = this.#first
  #refreshing: Promise<number> | undefined

  constructor(context: QbittorrentContext) {
    this.#context = context
  }

  /** Returns the parts of an answer as JSON. @param known the number of the client's last answer; 0 for none */
  async answer(known: number): Promise<AsyncIterable<string>> {
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = undefined
    })
    const revision = await this.#refreshing
    const tables = [this.#torrents, this.#categories, this.#tags]
    const isKnown = known <= revision && tables.every(({ oldest }) => known > oldest)
    return this.#format(revision, isKnown ? known : undefined)
  }

  /** Reads everything, and notes what changed under the next number. */
  async #refresh(): Promise<number> {
    const { session } = this.#context
    const revision = ++this.#revision
    const positions = new Map(session.queue.list().map((torrent, at) => [torrent, at + 1]))
    let count = 0
    for (const torrent of session.torrents) {
      const { hash, ...fields } = describeTorrent(torrent, positions.get(torrent) ?? 0)
      this.#torrents.update(hash, fields, revision)
      if (++count % TURN_TORRENTS === 0) await this.#turns.next()
    }
    this.#server.update('', await readServerState(this.#context), revision)
    // no await from here on, so that a torrent that was removed meanwhile is not listed
    const { categories } = session.settings
    for (const [name, savePath] of Object.entries(categories))
      this.#categories.update(name, { name, savePath }, revision)
    const tags = new Set(session.torrents.flatMap(({ record }) => record.labels))
    for (const tag of tags) this.#tags.update(tag, { tag }, revision)
    this.#torrents.retain({ has: hash => session.get(hash) !== undefined }, revision)
    this.#categories.retain({ has: name => Object.hasOwn(categories, name) }, revision)
    this.#tags.retain(tags, revision)
    return revision
  }

  async *#format(revision: number, known: number | undefined): AsyncGenerator<string> {
    const since = known ?? this.#first
    yield `{"rid":${revision}${known === undefined ? ',"full_update":true' : ''},"torrents":{`
    let comma = ''
    for (const [hash, fields] of this.#torrents.changesSince(since)) {
      yield `${comma}${JSON.stringify(hash)}:${JSON.stringify(fields)}`
      comma = ','
    }
    const rest = {
      categories: Object.fromEntries(this.#categories.changesSince(since)),
      server_state: [...this.#server.changesSince(since)][0]?.[1] ?? {},
      tags: [...this.#tags.changesSince(since)].map(([tag]) => tag),
      ...(known === undefined
        ? {}
        : {
            categories_removed: this.#categories.removedSince(known),
            tags_removed: this.#tags.removedSince(known),
            torrents_removed: this.#torrents.removedSince(known),
          }),
    }
    yield `},${JSON.stringify(rest).slice(1)}`
  }
}
