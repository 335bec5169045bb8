import type { Bottleneck } from '../../pipeline/diagnosis/bottleneck.ts'
import type { Torrent } from '../../pipeline/torrent.ts'
import type { Session } from '../../session/session.ts'
import type { ApiExchange, HttpApi } from '../api/http-api.ts'
import { streamJson } from '../api/send-json.ts'
import { LoopTurns } from '../loop-turns.ts'
import { sendRefusal } from '../responses.ts'
import { refuseReport } from './refuse-report.ts'

/** A torrent, and what limits it. */
export interface DiagnosedTorrent {
  readonly name: string
  /** In lower-case hex. */
  readonly infoHash: string
  /** What it does: the state of a torrent, or the status of one in a session. */
  readonly status: string
  /** Null while it does not run. */
  readonly bottleneck: Bottleneck | null
}

/** Options of `createWhyApi`: a session, or a client without one. */
export interface WhyApiOptions {
  readonly session?: Pick<Session, 'torrents'>
  readonly client?: { readonly torrents: Iterable<Torrent> }
}

/**
 * Creates the API that says what limits torrents: give it to `HttpServer`. `/why` answers for all, and `/why/HASH` for one:
 * `{"torrents": [{name, infoHash, status, bottleneck}]}`.
 */
export function createWhyApi({ client, session }: WhyApiOptions): HttpApi {
  return new WhyApi(() => (session ? diagnoseSession(session) : diagnoseClient(client?.torrents ?? [])))
}

class WhyApi implements HttpApi {
  readonly #diagnose: () => Iterable<DiagnosedTorrent>
  readonly #turns = new LoopTurns()

  constructor(diagnose: () => Iterable<DiagnosedTorrent>) {
    this.#diagnose = diagnose
  }

  owns(names: readonly string[]): boolean {
    return names[0] === 'why' && names.length <= 2
  }

  async answer(exchange: ApiExchange): Promise<void> {
    if (await refuseReport(exchange)) return
    const { response, target, touch } = exchange
    const [, infoHash] = target.names
    const diagnosed = this.#diagnose()
    const found = infoHash === undefined ? undefined : findTorrent(diagnosed, infoHash)
    if (infoHash !== undefined && !found) sendRefusal(response, 404, 'there is no such torrent')
    else await streamJson(response, formatParts(found ? [found] : diagnosed), this.#turns, touch)
  }
}

function findTorrent(torrents: Iterable<DiagnosedTorrent>, infoHash: string): DiagnosedTorrent | undefined {
  for (const torrent of torrents) if (torrent.infoHash === infoHash.toLowerCase()) return torrent
  return undefined
}

async function* formatParts(torrents: Iterable<DiagnosedTorrent>): AsyncGenerator<string> {
  let comma = '{"torrents":['
  for (const { name, infoHash, status, bottleneck } of torrents) {
    yield comma + JSON.stringify({ name, infoHash, status, bottleneck })
    comma = ','
  }
  yield comma === ',' ? ']}\n' : `${comma}]}\n`
}

function* diagnoseSession(session: Pick<Session, 'torrents'>): Generator<DiagnosedTorrent> {
  for (const torrent of session.torrents) {
    const { bottleneck = null, infoHash, name, status } = torrent
    yield { name, infoHash, status, bottleneck }
  }
}

function* diagnoseClient(torrents: Iterable<Torrent>): Generator<DiagnosedTorrent> {
  for (const torrent of torrents) {
    const infoHash = torrent.infoHash.toString('hex')
    const name = torrent.files.length > 0 ? torrent.metainfo.name : infoHash
    yield { name, infoHash, status: torrent.state, bottleneck: torrent.bottleneck }
  }
}
