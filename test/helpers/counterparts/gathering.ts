import type { Test } from 'tap'
import { peersBody, type ScriptedReply, scriptedTracker } from '../tracker.ts'

/** A tracker on loopback that answers when `count` clients have announced, so that all of them begin at once. */
export async function gatheringTracker(t: Test, count: number) {
  const peers = new Map<number, string>()
  let gather = () => {}
  const gathered = new Promise<void>(resolve => {
    gather = resolve
  })
  return scriptedTracker(t, async ({ params, event }): Promise<ScriptedReply> => {
    const port = Number(params.port)
    if (event === 'stopped') return { body: peersBody([]) }
    // The address of a client, if it is not 127.0.0.1.
    peers.set(port, params.ip?.toString() ?? '127.0.0.1')
    if (peers.size >= count) gather()
    await gathered
    const others = [...peers].filter(([other]) => other !== port)
    return { body: peersBody(others.map(([port, host]) => ({ host, port }))) }
  })
}
