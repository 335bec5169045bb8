import { type Metainfo, type ScrapeResult, scrape } from '../index.ts'
import { pick } from '../ports/pick.ts'
import { addressFamilyFor, type FamilyOptions } from './address-family.ts'
import { EXIT_CODES } from './exit.ts'

/** Asks the trackers of a torrent for the number of its peers. The exit code is 0 if any of them answered. */
export async function scrapeTrackers(
  metainfo: Metainfo,
  options: FamilyOptions & { readonly allowLocal?: boolean },
): Promise<{ results: ScrapeResult[]; exit: number }> {
  const { allowLocal = false } = options
  const family = addressFamilyFor(options)
  const results = await scrape(metainfo, { allowLocal, ...pick({ family }, 'family') })
  return { results, exit: results.some(({ error }) => !error) ? EXIT_CODES.ok : EXIT_CODES.gaveUp }
}
