import type { OutgoingHttpHeaders } from 'node:http'
import { StalledError, StorageError } from '../errors.ts'
import { ReaderRevoked, ReadersBusy } from './reader-slots.ts'
import { FirstByteTimeout } from './transfer.ts'

/** A status and a sentence with the reason. */
export interface HttpRefusal {
  readonly status: number
  readonly why: string
  readonly headers?: OutgoingHttpHeaders
}

const RETRY_HEADERS = { 'Retry-After': 1 }

/** Returns the answer for a failure before any byte was sent. */
export function refusalOf(error: unknown): HttpRefusal {
  if (error instanceof ReadersBusy) return { status: 503, why: error.message, headers: RETRY_HEADERS }
  if (error instanceof FirstByteTimeout || error instanceof StalledError)
    return { status: 504, why: 'no peer sent these bytes in time' }
  // the request conflicts with the files on disk: it succeeds when they are right again (RFC 9110, 15.5.10)
  if (error instanceof StorageError && error.code === 'ERR_CHANGED')
    return { status: 409, why: error.message }
  const { code } = (error ?? {}) as { code?: unknown }
  if (code === 'ERR_ABORTED' || code === 'ERR_BUSY')
    return { status: 503, why: 'the torrent was closed', headers: RETRY_HEADERS }
  if (error instanceof ReaderRevoked)
    return { status: 503, why: 'another client waited for this reader', headers: RETRY_HEADERS }
  return { status: 500, why: 'the file cannot be read' }
}
