import type { MetadataProgress, Metainfo, PeerOutcome, Progress } from '../index.ts'
import type { Reporter, RunOutcome } from './reporter.ts'
import { json } from './terminal.ts'

/** Writes a line, which ends in a line break. */
export type WriteLine = (line: string) => void

function writeToStderr(line: string): void {
  process.stderr.write(line)
}

/** Writes events to standard error, one JSON object per line (docs/cli.md, "Events of --json"). */
export class JsonReporter implements Reporter {
  readonly #fields: () => object

  protected readonly write: WriteLine

  /**
   * @param fields returns fields that every event has besides its own @default none
   * @param write writes a line @default to standard error
   */
  constructor(fields: () => object = () => ({}), write: WriteLine = writeToStderr) {
    this.#fields = fields
    this.write = write
  }

  reportMetadata(metainfo: Metainfo, selected: (index: number) => boolean): void {
    this.emit('metadata', torrentFieldsOf(metainfo, selected))
  }

  reportFetching(progress: MetadataProgress): void {
    this.emit('fetching', progress)
  }

  reportChecking(): void {}

  reportProgress({ downloaded: _, wasted: __, metadata: ___, reused: ____, ...progress }: Progress): void {
    this.emit('progress', {
      ...progress,
      downSpeed: Math.round(progress.downSpeed),
      upSpeed: Math.round(progress.upSpeed),
      ratio: Math.round(progress.ratio * 1000) / 1000,
      eta: progress.eta === null ? null : Math.round(progress.eta),
    })
  }

  reportPeer(address: string, client: string, state: string, reason?: string): void {
    this.emit('peer', { address, client, state, ...(reason === undefined ? {} : { reason }) })
  }

  reportListening(address: string): void {
    this.emit('listening', { address })
  }

  reportResumption(path: string, offset: number): void {
    this.emit('resumed', { path, offset })
  }

  reportServing(url: string): void {
    this.emit('serving', { url })
  }

  reportWarning(code: string, message: string): void {
    this.emit('warning', { code, message })
  }

  reportStall(code: string, reason: string, outcomes: readonly PeerOutcome[] = []): void {
    this.emit('stalled', { reason, code, outcomes })
  }

  reportDone(outcome: RunOutcome): void {
    this.emit('done', outcome)
  }

  reportShared(outcome: RunOutcome): void {
    this.emit('done', outcome)
  }

  reportInterruption(advice: string): void {
    this.emit('interrupted', { advice })
  }

  reportError(code: string, message: string, exit: number): void {
    this.emit('error', { code, message, exit })
  }

  close(): void {}

  /** Writes one event. */
  protected emit(event: string, fields: object): void {
    this.write(`${json({ event, time: Date.now(), ...this.#fields(), ...fields })}\n`)
  }
}

/** Returns the fields of a torrent for JSON. */
export function torrentFieldsOf(metainfo: Metainfo, selected: (index: number) => boolean = () => true) {
  return {
    name: metainfo.name,
    infoHash: metainfo.format === 'v2' ? null : metainfo.infoHash.toString('hex'),
    infoHashV2: metainfo.infoHashV2?.toString('hex') ?? null,
    length: metainfo.length,
    pieceLength: metainfo.pieceLength,
    pieces: metainfo.pieceCount,
    files: metainfo.files.flatMap(({ path, length, offset, pad }, index) =>
      pad ? [] : [{ path, length, offset, selected: selected(index) }],
    ),
  }
}
