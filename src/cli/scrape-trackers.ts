import { type Metainfo, type ScrapeResult, scrape } from '../index.ts'
import { EXIT_CODES } from './exit.ts'

/** Asks the trackers of a torrent for the number of its peers. The exit code is 0 if any of them answered. */
export async function scrapeTrackers(
  metainfo: Metainfo,
  allowLocal = false,
): Promise<{ results: ScrapeResult[]; exit: number }> {
  const results = await scrape(metainfo, { allowLocal })
  return { results, exit: results.some(({ error }) => !error) ? EXIT_CODES.ok : EXIT_CODES.gaveUp }
}
