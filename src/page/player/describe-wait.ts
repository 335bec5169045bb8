import type { TorrentDocument } from '../../server/page/torrent-documents.ts'
import { formatCount, formatPart, formatSentence } from '../format.ts'

/** Describes what a film waits for while bytes are missing. Pieces are counted from 1. */
export function describeWait({ awaited, pieces, torrent, why }: TorrentDocument): string {
  if (!torrent.isReadable) {
    if (torrent.status === 'failed') return `Stopped by an error: ${torrent.reason ?? 'unknown'}`
    if (torrent.status === 'metadata') return 'Waiting for the list of files, which a peer sends.'
    return 'The torrent does not run. Resume it to play this file.'
  }
  if (!awaited || !pieces) return 'Opening…'
  const { first, last, part, peers } = awaited
  const name = first === last ? `piece ${first + 1}` : `pieces ${first + 1} to ${last + 1}`
  const of = `Waiting for ${name} of ${pieces.count.toLocaleString('en')}`
  if (peers === 0)
    return why
      ? `${of}. ${formatSentence(why)}`
      : `${of}. No peer sends ${first === last ? 'it' : 'them'} yet.`
  return `${of}: ${formatPart(part)} of piece ${first + 1} is here, from ${formatCount(peers, 'peer')}.`
}
