/** URLs of the server, relative to the page, with the token that the page was opened with. */

const token = new URLSearchParams(location.search).get('token')

/** Returns the URL of a path below the page's own, with parameters. */
export function serverUrlOf(path: string, parameters: readonly (readonly [string, string])[] = []): string {
  const query = new URLSearchParams(parameters.map(([name, value]) => [name, value]))
  if (token !== null) query.set('token', token)
  const text = query.toString()
  return text === '' ? path : `${path}?${text}`
}

/** Returns the URL of a file of a torrent. @param path with `/` between its names */
export function fileUrlOf(infoHash: string, path: string): string {
  return serverUrlOf(`${infoHash}/${path.split('/').map(encodeURIComponent).join('/')}`)
}
