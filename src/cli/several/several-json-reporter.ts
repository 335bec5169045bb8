import { JsonReporter } from '../json-reporter.ts'
import type { Reporter } from '../reporter.ts'
import type { NamedSource, SeveralReporter, SeveralTotals } from './several-reporter.ts'

/** Events of one source. The port is an event of the run. */
class SourceJsonReporter extends JsonReporter {
  override reportListening(): void {}
}

/** Writes events to standard error. Those of a torrent have its `source` and `infoHash`. */
export class SeveralJsonReporter extends JsonReporter implements SeveralReporter {
  createReporter(describe: () => NamedSource): Reporter {
    const fields = () => {
      const { source, infoHash } = describe()
      return infoHash === undefined ? { source } : { source, infoHash }
    }
    return new SourceJsonReporter(fields, this.write)
  }

  reportTotals(totals: SeveralTotals): void {
    this.emit('total', roundRates(totals))
  }

  reportEnd(totals: SeveralTotals, exit: number): void {
    const { downSpeed: _, upSpeed: __, peers: ___, eta: ____, ...rest } = totals
    this.emit('end', { ...rest, exit })
  }
}

function roundRates({ downSpeed, upSpeed, eta, ...rest }: SeveralTotals): object {
  return {
    ...rest,
    downSpeed: Math.round(downSpeed),
    upSpeed: Math.round(upSpeed),
    eta: eta === null ? null : Math.round(eta),
  }
}
