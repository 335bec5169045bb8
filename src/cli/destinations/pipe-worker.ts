/** The worker of `PipeSink`: writes what it is sent to the descriptor `workerData`, and reports each chunk that is written. */
import { Socket } from 'node:net'
import { parentPort, workerData } from 'node:worker_threads'

/** Undefined: the oldest chunk is written. Otherwise a system error: nothing more will be. */
export type PipeReport =
  | { readonly code?: string; readonly errno?: number; readonly message: string }
  | undefined

const port = parentPort!
/** Chunks to be written, the first of them under way: one write each, so that each is reported at once. */
const waiting: Uint8Array[] = []
const socket = new Socket({ fd: workerData as number, readable: false, writable: true })

socket.on('error', ({ code, errno, message }: NodeJS.ErrnoException) => {
  port.postMessage({ code, errno, message })
})

port.on('message', (chunk: Uint8Array) => {
  if (waiting.push(chunk) === 1) writeFirst()
})

function writeFirst(): void {
  socket.write(waiting[0]!, error => {
    if (error) return // reported by `error`
    waiting.shift()
    port.postMessage(undefined)
    if (waiting.length > 0) writeFirst()
  })
}
