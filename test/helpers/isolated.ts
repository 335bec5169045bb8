/** Commands that look for peers; without any, it is `get`. */
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
 * Arguments of tsdl with which it stays on this machine: without the DHT, unless nodes of it are named, and without LSD,
 * unless the test runs in a network of its own.
 */
export function isolated(args: readonly string[], ownNetwork = false): string[] {
  const [command = '--help', ...rest] = args
  const off = [...(args.includes('--dht-node') ? [] : ['--no-dht']), ...(ownNetwork ? [] : ['--no-lsd'])]
  if (LOOKING_COMMANDS.has(command)) return [command, ...off, ...rest]
  return OTHER_COMMANDS.has(command) ? [...args] : [...off, ...args]
}
