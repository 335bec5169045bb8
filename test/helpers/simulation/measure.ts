import type { SimulatedSwarm } from './swarm.ts'

/** Seconds that are measured. Other work of the machine only adds, so the least of them counts. */
const MEASURED_SECONDS = 4

/** Returns the least CPU milliseconds of a virtual second, and the least by which `count` grew in one. */
export async function measureSeconds(swarm: SimulatedSwarm, count: () => number) {
  const least = { cpu: Number.POSITIVE_INFINITY, count: Number.POSITIVE_INFINITY }
  for (let second = 0; second < MEASURED_SECONDS; second++) {
    const countBefore = count()
    const before = process.cpuUsage()
    await swarm.clock.run({ for: 1000 })
    const { user, system } = process.cpuUsage(before)
    least.cpu = Math.min(least.cpu, (user + system) / 1000)
    least.count = Math.min(least.count, count() - countBefore)
  }
  return least
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
