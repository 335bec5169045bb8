import { checkOptions } from '../../codec/check-arguments.ts'
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
  /** The state of the torrent, or its status in a session. */
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
export function createWhyApi(options: WhyApiOptions): HttpApi {
  checkOptions(options, { client: 'object', session: 'object' })
  const { client, session } = options
  return new WhyApi(infoHash =>
    session ? diagnoseSession(session, infoHash) : diagnoseClient(client?.torrents ?? [], infoHash),
  )
}

/** Diagnoses all torrents, or the one with an info-hash. */
type Diagnose = (infoHash?: string) => Iterable<DiagnosedTorrent>

class WhyApi implements HttpApi {
  readonly #diagnose: Diagnose
  readonly #turns = new LoopTurns()

  constructor(diagnose: Diagnose) {
    this.#diagnose = diagnose
  }

  owns(names: readonly string[]): boolean {
    return names[0] === 'why' && names.length <= 2
  }

  async answer(exchange: ApiExchange): Promise<void> {
    if (await refuseReport(exchange)) return
    const { response, target, touch } = exchange
    const [, infoHash] = target.names
    const send = (torrents: Iterable<DiagnosedTorrent>) =>
      streamJson(response, formatParts(torrents), this.#turns, touch)
    if (infoHash === undefined) return send(this.#diagnose())
    const found = [...this.#diagnose(infoHash.toLowerCase())]
    if (found.length > 0) return send(found)
    sendRefusal(response, 404, 'there is no such torrent')
  }
}

async function* formatParts(torrents: Iterable<DiagnosedTorrent>): AsyncGenerator<string> {
  let comma = '{"torrents":['
  for (const { name, infoHash, status, bottleneck } of torrents) {
    yield comma + JSON.stringify({ name, infoHash, status, bottleneck })
    comma = ','
  }
  yield comma === ',' ? ']}\n' : `${comma}]}\n`
}

function* diagnoseSession(
  session: Pick<Session, 'torrents'>,
  wanted: string | undefined,
): Generator<DiagnosedTorrent> {
  for (const torrent of session.torrents) {
    if (wanted !== undefined && torrent.infoHash !== wanted) continue
    const { bottleneck = null, infoHash, name, status } = torrent
    yield { name, infoHash, status, bottleneck }
  }
}

function* diagnoseClient(
  torrents: Iterable<Torrent>,
  wanted: string | undefined,
): Generator<DiagnosedTorrent> {
  for (const torrent of torrents) {
    const infoHash = torrent.infoHash.toString('hex')
    if (wanted !== undefined && infoHash !== wanted) continue
    const name = torrent.details.metainfo?.name ?? infoHash
    yield { name, infoHash, status: torrent.state, bottleneck: torrent.bottleneck }
  }
}
