import { findDamagedBlocks, type Located, type Metainfo, systemClock, WindowStorage } from '../index.ts'
import { count } from './amounts.ts'
import { createClient, torrentOptionsOf } from './client.ts'
import type { DamagedBlocks } from './damaged-ranges.ts'
import type { LoadMetainfoOptions } from './load.ts'
import type { Reporter } from './reporter.ts'
import { runUntilSignal } from './run-until-signal.ts'

/** Milliseconds without an answer after which no peer is asked any more. */
const DEFAULT_TIMEOUT_MS = 30_000

/**
 * Asks peers for the hashes of the blocks of wrong pieces, and returns the wrong blocks (BEP 52). Pieces for which no peer
 * sends hashes are left out, with a warning.
 */
export async function fetchDamage(
  metainfo: Metainfo,
  { path, located }: { readonly path: string; readonly located: Located },
  wrong: readonly number[],
  options: LoadMetainfoOptions,
  reporter: Reporter,
): Promise<DamagedBlocks> {
  const { timeout = DEFAULT_TIMEOUT_MS } = options
  const client = createClient(options, reporter)
  return runUntilSignal(client, async () => {
    // Nothing is downloaded: there is no reader.
    const content = { storage: new WindowStorage(), onDemand: true }
    const torrent = await client.add(metainfo, { ...torrentOptionsOf(options), ...content })
    torrent.on('warning', ({ code, message }) => reporter.reportWarning(code, message))
    let answeredAt = systemClock.now()
    const isDue = () => timeout > 0 && systemClock.now() - answeredAt >= timeout
    const fetchLeaves = async (index: number) => {
      while (!isDue() && torrent.state !== 'closed') {
        const leaves = await torrent.fetchLeaves(index)
        if (!leaves) continue
        answeredAt = systemClock.now()
        return leaves
      }
      return undefined
    }
    const damaged = await findDamagedBlocks(
      metainfo,
      path,
      wrong,
      { fetchLeaves },
      {
        located,
        onProgress: pieces => reporter.reportChecking(pieces, wrong.length, 'comparing blocks'),
      },
    )
    const unknown = wrong.length - damaged.size
    if (unknown > 0) {
      const pieces = count(unknown, 'piece')
      reporter.reportWarning('ERR_STALLED', `no peer sent the hashes of the blocks of ${pieces}`)
    }
    return damaged
  })
}
