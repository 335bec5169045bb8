/** Returns the CPU time of this process in milliseconds. Other processes do not add to it, unlike to real time. */
export function cpuTime(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}
