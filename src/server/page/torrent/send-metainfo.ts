import type { ServerResponse } from 'node:http'
import { create as contentDisposition } from 'content-disposition'
import { torrentOf } from '../../../metainfo/torrent.ts'
import { sendRefusal } from '../../responses.ts'
import type { PageTorrent } from '../page-torrents.ts'

/** Sends the .torrent of a torrent as a download; 404 while its metadata is not known. */
export async function sendMetainfo(found: PageTorrent | undefined, response: ServerResponse): Promise<void> {
  const metainfo = await found?.loadMetainfo().catch(() => undefined)
  if (!metainfo) return sendRefusal(response, 404, 'the metadata of this torrent is not known')
  const body = torrentOf(metainfo)
  response.writeHead(200, {
    'Cache-Control': 'no-store',
    'Content-Disposition': contentDisposition(`${metainfo.name}.torrent`),
    'Content-Length': body.length,
    'Content-Type': 'application/x-bittorrent',
  })
  response.end(response.req.method === 'HEAD' ? undefined : body)
}
