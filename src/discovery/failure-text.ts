import { messageOf } from '../errors.ts'
import { printable } from './printable.ts'

const TEXT_BY_CODE: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'the connection was reset',
  ENOTFOUND: 'no such host',
  EAI_AGAIN: 'the host name could not be resolved now',
  EHOSTUNREACH: 'the host is unreachable',
  ENETUNREACH: 'the network is unreachable',
  ETIMEDOUT: 'the connection timed out',
}

/** Returns the text of a failed exchange with a tracker: plain words for the most common system codes. */
export function failureTextOf(cause: unknown): string {
  const code = (cause as NodeJS.ErrnoException | null)?.code
  return TEXT_BY_CODE[code ?? ''] ?? printable(messageOf(cause))
}
