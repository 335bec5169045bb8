import type { ListedPeer } from '../../server/page/torrent-documents.ts'

/** Describes what a peer and we do for each other, in words. */
export function describePeer({
  down,
  isChoked,
  isChoking,
  isInterested,
  isSnubbed,
  isWanted,
  outstanding,
  part,
  up,
}: ListedPeer): string {
  const parts: string[] = []
  if (isSnubbed) parts.push('does not answer our requests')
  else if (down >= 1) parts.push('sends to us')
  else if (isWanted && isChoking) parts.push('makes us wait')
  else if (isWanted && outstanding > 0) parts.push('was asked')
  else if (isWanted) parts.push('is ready to send')
  else parts.push(part === 0 ? 'has nothing yet' : 'has nothing that we need')
  if (up >= 1) parts.push('gets data from us')
  else if (isInterested) parts.push(isChoked ? 'waits for us' : 'may ask us')
  return parts.join('; ')
}

const SOURCE_LABELS: Readonly<Record<string, string>> = {
  incoming: 'it connected to us',
  option: 'named by the user',
  PEX: 'named by a peer',
  DHT: 'found in the DHT',
  LSD: 'found on the local network',
  unknown: 'unknown',
}

/** Describes how we know a peer. */
export function describeSource(source: string): string {
  return SOURCE_LABELS[source] ?? `named by ${source}`
}
