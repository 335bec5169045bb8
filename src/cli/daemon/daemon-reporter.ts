import type { Session, SessionTorrent } from '../../index.ts'
import { count } from '../amounts.ts'
import { json, visible } from '../terminal.ts'

/** Options that say how much a daemon reports. */
export interface DaemonReportOptions {
  readonly json?: boolean
  readonly quiet?: boolean
}

/** Reports what a daemon does on standard error: lines of text, or of JSON (docs/cli.md, "Events of the daemon"). */
export class DaemonReporter {
  readonly #options: DaemonReportOptions

  constructor(options: DaemonReportOptions) {
    this.#options = options
  }

  /** Reports the events of a session. */
  follow(session: Session): void {
    session.on('added', torrent => this.#tell('added', torrent))
    session.on('metadata', torrent => this.#tell('metadata', torrent))
    session.on('completed', torrent => this.#tell('completed', torrent))
    session.on('finished', (torrent, rule) => this.#tell('finished', torrent, { rule }))
    session.on('removed', (torrent, withData) => this.#tell('removed', torrent, { withData }))
    session.on('failed', (torrent, { code, message }) => this.#tell('failed', torrent, { code, message }))
    session.on('bottleneck', (torrent, { kind, sentence, short }) => {
      if (this.#options.json) this.#tell('bottleneck', torrent, { kind, short, sentence })
    })
    session.on('warning', ({ code, message }, torrent) => this.reportWarning(code, message, torrent))
  }

  /**
   * The start is complete: torrents run, and requests are answered at this URL. Its token is shown on a terminal only,
   * because logs are kept.
   */
  reportReady(url: string, torrents: number): void {
    const shown = process.stderr.isTTY ? url : url.replace(/\?.*/, '')
    this.#write('ready', { url: shown, torrents }, `ready: ${count(torrents, 'torrent')}, ${shown}`)
  }

  /** Options were read again. */
  reportReload(): void {
    this.#write('reloaded', {}, 'reloaded')
  }

  /** Something failed, and the daemon continues. */
  reportWarning(code: string, message: string, torrent?: SessionTorrent): void {
    if (this.#options.quiet) return
    const fields = torrent ? { id: torrent.id, name: torrent.name, infoHash: torrent.infoHash } : {}
    const label = torrent ? `${torrent.name}: ` : ''
    this.#write('warning', { code, message, ...fields }, `warning: ${label}${message}`)
  }

  /** The daemon ends with this error. */
  reportError(code: string, message: string, exit: number): void {
    if (this.#options.json) this.#write('error', { code, message, exit }, '')
    else process.stderr.write(`tsdl: ${visible(message)}\n`)
  }

  /** The reporter ends with the process. */
  close(): void {}

  #tell(event: string, torrent: SessionTorrent, more: Readonly<Record<string, unknown>> = {}): void {
    const { id, infoHash, name } = torrent
    const detail = more.message ?? more.rule
    this.#write(event, { id, name, infoHash, ...more }, `${event}: ${name}${detail ? `: ${detail}` : ''}`)
  }

  #write(event: string, fields: object, text: string): void {
    if (this.#options.json) process.stderr.write(`${json({ event, time: Date.now(), ...fields })}\n`)
    else if (!this.#options.quiet) process.stderr.write(`${visible(text)}\n`)
  }
}
