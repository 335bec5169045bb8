import { chmodSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Test } from 'tap'
import { scratch, startProgram, without } from './process.ts'
import { freePort } from './ready.ts'

// It has no option that prints its version, but --help exits with 0.
export const noOpentracker = without('opentracker', '-h')

/** Starts opentracker for these torrents and no others. Returns `127.0.0.1:PORT`, at which it serves HTTP and UDP. */
export async function startOpentracker(t: Test, infoHashes: readonly Uint8Array[]) {
  const dir = scratch(t)
  // It changes its root to this folder and its user to an unprivileged one, which must be able to read the list.
  chmodSync(dir, 0o755)
  writeFileSync(join(dir, 'list'), infoHashes.map(hash => `${Buffer.from(hash).toString('hex')}\n`).join(''))
  const port = await freePort()
  const tracker = startProgram(t, [
    ...['opentracker', '-i', '127.0.0.1', '-p', `${port}`, '-P', `${port}`],
    ...['-d', dir, '-w', 'list'],
  ])
  const deadline = Date.now() + 10_000
  while (!(await answers(port))) {
    if (tracker.child.exitCode !== null || Date.now() > deadline)
      throw new Error(`opentracker does not answer: ${tracker.output()}`)
    await delay(20)
  }
  return `127.0.0.1:${port}`
}

function answers(port: number) {
  return new Promise<boolean>(resolve => {
    const socket = connect(port, '127.0.0.1')
    const end = (answered: boolean) => () => {
      socket.destroy()
      resolve(answered)
    }
    socket.on('connect', end(true))
    socket.on('error', end(false))
  })
}
