import type { FileRow } from '../../server/page/torrent-documents.ts'

/** True if a file can be opened while its torrent runs: it is selected, or stored as a whole. */
export function canOpen({ isStored, priority }: Pick<FileRow, 'isStored' | 'priority'>): boolean {
  return priority !== 'off' || isStored === true
}
