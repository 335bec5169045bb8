import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import type { Test } from 'tap'
import { startProgram } from './process.ts'

const ALONE_COMMAND = ['unshare', '--net', '--map-root-user']
/** Two interfaces joined by a cable, which support multicast, with addresses that are not loopback. */
const PREPARE_COMMANDS = [
  'ip link set lo up',
  'ip link add a0 type veth peer name b0',
  ...['ip link set a0 up', 'ip link set b0 up'],
  ...[
    'ip addr add 10.9.0.1/24 dev a0',
    'ip addr add 10.9.0.2/24 dev a0',
    'ip addr add fd09::1/64 dev a0 nodad',
  ],
].join(' && ')

/** The reason to skip tests that need a network, or `false`. */
export const noNetwork =
  (spawnSync(ALONE_COMMAND[0]!, [...ALONE_COMMAND.slice(1), 'sh', '-c', PREPARE_COMMANDS]).status !== 0 ||
    spawnSync('nsenter', ['--version']).status !== 0) &&
  'no network of its own can be made here'

/**
 * Creates a network for test `t`, without a route to others, in which this machine is 10.9.0.1, 10.9.0.2 and fd09::1.
 * Returns the prefix of commands that run in it.
 */
export async function ownNetwork(t: Test): Promise<readonly string[]> {
  const holder = startProgram(t, [
    ...ALONE_COMMAND,
    'sh',
    '-c',
    `${PREPARE_COMMANDS} && echo there && exec cat`,
  ])
  while (!holder.output().includes('there')) {
    if (holder.child.exitCode !== null) throw new Error(`no network: ${holder.output()}`)
    await once(holder.child.stdout!, 'data')
  }
  return ['nsenter', `--target=${holder.child.pid}`, '--net', '--user', '--preserve-credentials']
}
