import { formatAddress, type Magnet, magnetLinkOf } from '../index.ts'
import { json, visible } from './terminal.ts'

/** Returns the fields of a link as one JSON object. */
export function magnetJson(link: Magnet): string {
  const { infoHash, infoHashV2, name, trackers, webSeeds, peers, selectOnly } = link
  return json({
    infoHash: infoHash?.toString('hex') ?? null,
    infoHashV2: infoHashV2?.toString('hex') ?? null,
    name: name ?? null,
    trackers,
    webSeeds,
    peers: peers.map(formatAddress),
    selectOnly: selectOnly ?? null,
    magnet: magnetLinkOf(link),
  })
}

/** Returns the fields of a link as text. */
export function magnetText({
  infoHash,
  infoHashV2,
  name,
  trackers,
  webSeeds,
  peers,
  selectOnly,
}: Magnet): string {
  const rows: [string, readonly (string | undefined)[]][] = [
    ['name', [name]],
    ['info-hash', [infoHash?.toString('hex')]],
    ['v2', [infoHashV2?.toString('hex')]],
    ['trackers', trackers.map(tier => tier.join('  '))],
    ['web seeds', webSeeds],
    ['peers', peers.map(formatAddress)],
    ['files', [selectOnly?.join(',')]],
  ]
  return rows
    .flatMap(([key, values]) =>
      values
        .filter(value => value !== undefined)
        .map((value, at) => `${(at === 0 ? key : '').padEnd(11)}${visible(value).replaceAll('\n', '\\n')}`),
    )
    .join('\n')
}
