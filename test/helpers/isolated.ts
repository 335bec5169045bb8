/** Commands that look for peers. Without a command it is `get`. */
const LOOKING_COMMANDS = new Set(['daemon', 'get', 'seed', 'serve', 'why'])
const OTHER_COMMANDS = new Set([
  'info',
  'verify',
  'create',
  'edit',
  'completion',
  'demo',
  'config',
  'help',
  '--help',
  '-h',
  '--version',
  '-V',
])

/**
 * Returns arguments with which tsdl contacts only this machine: without the DHT, unless nodes are named, and without
 * LSD, unless the test runs in a separate network.
 */
export function isolated(args: readonly string[], ownNetwork = false): string[] {
  const [command = '--help', ...rest] = args
  const off = [...(args.includes('--dht-node') ? [] : ['--no-dht']), ...(ownNetwork ? [] : ['--no-lsd'])]
  if (LOOKING_COMMANDS.has(command)) return [command, ...off, ...rest]
  return OTHER_COMMANDS.has(command) ? [...args] : [...off, ...args]
}
