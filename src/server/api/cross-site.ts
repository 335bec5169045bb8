import type { IncomingMessage } from 'node:http'

/** True if a browser sent a request for a page of another site. Programs send none of these headers. */
export function isCrossSite({ headers }: IncomingMessage): boolean {
  const { host = '', origin, referer } = headers
  const site = headers['sec-fetch-site']
  if (site === 'cross-site' || site === 'same-site') return true
  const from = origin ?? referer
  return from !== undefined && originHost(from) !== host.toLowerCase()
}

function originHost(url: string): string | undefined {
  return /^\w+:\/\/([^/?#]*)/.exec(url)?.[1]?.toLowerCase()
}
