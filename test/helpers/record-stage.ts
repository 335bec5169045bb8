import type { Stage } from '../../src/streams/stage.ts'
import { settle } from './virtual-clock.ts'

/** Records the events of a stage, and its chunks once `flow` is called. */
export function recordStage(stage: Stage) {
  const chunks: Uint8Array[] = []
  const log: string[] = []
  for (const event of ['end', 'close'] as const) stage.on(event, () => log.push(event))
  stage.on('error', error => log.push(`error ${error.message}`))
  const flow = async () => {
    stage.on('data', chunk => chunks.push(chunk))
    await settle()
  }
  return { chunks, log, flow }
}
