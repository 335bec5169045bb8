import { messageOf } from '../errors.ts'
import { printable } from './printable.ts'

const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'the connection was reset',
  ENOTFOUND: 'no such host',
  EAI_AGAIN: 'the host name could not be resolved now',
  EHOSTUNREACH: 'the host is unreachable',
  ENETUNREACH: 'the network is unreachable',
  ETIMEDOUT: 'the connection timed out',
}

/** What a failed exchange with a tracker says to its reader: plain words for the system's commonest codes. */
export function wordsFor(cause: unknown): string {
  const code = (cause as NodeJS.ErrnoException | null)?.code
  return WORDS[code ?? ''] ?? printable(messageOf(cause))
}
