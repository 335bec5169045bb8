import { type ScrapeResult, scrape } from '../discovery/scrape.ts'
import type { Metainfo } from '../metainfo/metainfo.ts'
import { EXIT } from './exit.ts'

/** Asks the trackers of a torrent for its peers' number, and says how that ended: well if any of them answered. */
export async function scraped(
  metainfo: Metainfo,
  allowLocal = false,
): Promise<{ results: ScrapeResult[]; exit: number }> {
  const results = await scrape(metainfo, { allowLocal })
  return { results, exit: results.some(({ error }) => !error) ? EXIT.ok : EXIT.gaveUp }
}
