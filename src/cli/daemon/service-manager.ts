/**
 * Communication with a service manager such as systemd: an inherited socket, and reports of the state of the process.
 */
import { spawn } from 'node:child_process'

/** The first descriptor that systemd passes (sd_listen_fds). */
const FIRST_DESCRIPTOR = 3
/** Maximum milliseconds that `systemd-notify` may take. */
const NOTIFY_TIMEOUT_MS = 5000

/** Returns the descriptor of the socket that the service manager listens on for this process, if there is one. */
export function inheritedSocket(
  { LISTEN_FDS, LISTEN_PID }: NodeJS.ProcessEnv,
  pid: number = process.pid,
): number | undefined {
  return Number(LISTEN_PID) === pid && Number(LISTEN_FDS) >= 1 ? FIRST_DESCRIPTOR : undefined
}

/**
 * Sends states such as `READY=1` to the service manager, if it waits for them (sd_notify). It takes them as datagrams on a
 * Unix socket, which Node cannot send, so the program `systemd-notify` sends them. A unit needs `NotifyAccess=all` for that.
 * Resolves when they are sent; never rejects.
 */
export async function notifyServiceManager(
  states: readonly string[],
  environment: NodeJS.ProcessEnv,
): Promise<void> {
  if (!environment.NOTIFY_SOCKET) return
  await new Promise<void>(resolve => {
    const child = spawn('systemd-notify', [`--pid=${process.pid}`, ...states], {
      ...{ env: environment, stdio: 'ignore', timeout: NOTIFY_TIMEOUT_MS },
    })
    child.once('error', () => resolve())
    child.once('close', () => resolve())
  })
}
