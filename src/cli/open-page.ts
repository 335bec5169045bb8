import type { Client } from '../index.ts'
import { pick } from '../ports/pick.ts'
import { goesToStdout } from './destinations/stdout-worker.ts'
import type { GetOptions } from './get-options.ts'
import type { Reporter } from './reporter.ts'

/** The option of commands that can show their progress on a page, and those that the page shows. */
export interface PageOption {
  readonly page?: boolean
  readonly up?: number
  readonly down?: number
}

/**
 * Opens the live page of a client at a free port of loopback, if the options ask for it, and reports its URL.
 * @param servesFiles true if the page opens files: their storage can be read at any place; 'verified' if it opens only what
 * is verified, and nothing is downloaded for it
 * @returns closes the page; never rejects
 */
export async function openPage(
  client: Client,
  options: PageOption,
  reporter: Pick<Reporter, 'reportServing' | 'reportWarning'>,
  servesFiles: boolean | 'verified',
): Promise<() => Promise<void>> {
  if (!options.page) return async () => {}
  const { createPage, HttpServer, serveVerified } = await import('../server/index.ts')
  const page = createPage({ client, limits: pick(options, 'down', 'up'), servesFiles })
  const served = servesFiles === 'verified' ? serveVerified(client) : servesFiles ? client : new Map()
  const server = new HttpServer(served, { page })
  server.on('warning', error => reporter.reportWarning('ERR_CONNECTION', error.message))
  await server.listen()
  reporter.reportServing(server.url)
  return () => server.close()
}

/** True if a download goes to a directory. Standard output carries bytes in order, and other readers would delay them. */
export function goesToDirectory({ continueAt, output, range, tar }: GetOptions): boolean {
  return !goesToStdout(output) && !tar && range === undefined && continueAt === undefined
}
