import type { Test } from 'tap'
import { peersBody, type ScriptedReply, scriptedTracker } from '../tracker.ts'

/** A tracker on loopback that tells everybody of everybody, once `count` clients have come: so all begin at once. */
export async function gatheringTracker(t: Test, count: number) {
  const ports = new Set<number>()
  let gather = () => {}
  const gathered = new Promise<void>(resolve => {
    gather = resolve
  })
  return scriptedTracker(t, async ({ params, event }): Promise<ScriptedReply> => {
    const port = Number(params.port)
    if (event === 'stopped') return { body: peersBody([]) }
    ports.add(port)
    if (ports.size >= count) gather()
    await gathered
    const others = [...ports].filter(other => other !== port)
    return { body: peersBody(others.map(port => ({ host: '127.0.0.1', port }))) }
  })
}
