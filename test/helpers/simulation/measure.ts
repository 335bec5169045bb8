import { cpuTime } from '../cpu-time.ts'
import type { SimulatedSwarm } from './swarm.ts'

/** Seconds that are measured. Other work of the machine only adds, so the least of them counts. */
const MEASURED_SECONDS = 4

/** Returns the least CPU milliseconds of a virtual second, and the least by which `count` grew in one. */
export async function measureSeconds(swarm: SimulatedSwarm, count: () => number) {
  const minimum = { cpu: Number.POSITIVE_INFINITY, count: Number.POSITIVE_INFINITY }
  for (let second = 0; second < MEASURED_SECONDS; second++) {
    const countBefore = count()
    const before = cpuTime()
    await swarm.clock.run({ for: 1000 })
    minimum.cpu = Math.min(minimum.cpu, cpuTime() - before)
    minimum.count = Math.min(minimum.count, count() - countBefore)
  }
  return minimum
}

/** Writes the same bytes to a socket repeatedly, as fast as they are read. */
export function flood(socket: NodeJS.WritableStream, bytes: Buffer): void {
  const batch = Buffer.concat(Array(Math.ceil(65_536 / bytes.length)).fill(bytes))
  const write = () => {
    while (socket.write(batch));
  }
  socket.on('error', () => {})
  socket.on('drain', write)
  write()
}
