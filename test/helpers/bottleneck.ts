import type { Bottleneck } from '../../src/pipeline/diagnosis/bottleneck.ts'

/** A bottleneck without measurements. */
export function bottleneckOf(fields: Partial<Bottleneck> = {}): Bottleneck {
  const shares = { choked: 0, blocks: 0, work: 0, downLimit: 0, disk: 0, reader: null, memory: 0, hash: 0 }
  return {
    ...{ kind: 'none', short: '', sentence: 'nothing is missing', outcomes: [] },
    evidence: {
      ...{
        seconds: 0,
        rate: 0,
        webSeeds: 0,
        availability: 0,
        writeMs: null,
        loopDelayMs: null,
        fastest: null,
      },
      peers: { known: 0, connected: 0, useful: 0, choking: 0 },
      shares: { ...shares, hashThreads: 0, loop: null },
    },
    ...fields,
  }
}
