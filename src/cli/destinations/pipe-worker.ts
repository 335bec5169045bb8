/** The worker of `PipeSink`: writes each chunk that it receives to the descriptor `workerData`, and reports it. */
import { Socket } from 'node:net'
import { parentPort, workerData } from 'node:worker_threads'

/** Undefined if the oldest chunk was written, or the system error that ended the writing. */
export type PipeReport =
  | { readonly code?: string; readonly errno?: number; readonly message: string }
  | undefined

const port = parentPort!
/** Chunks to write; the first is being written. Each has its own write, so that it is reported at once. */
const waiting: Uint8Array[] = []
/** Opened for the first chunk, when `PipeSink` listens for errors. */
let socket: Socket | undefined

port.on('message', (chunk: Uint8Array) => {
  socket ??= open(workerData as number)
  if (waiting.push(chunk) === 1) writeFirst(socket)
})

function open(fd: number): Socket {
  return new Socket({ fd, readable: false, writable: true }).on(
    'error',
    ({ code, errno, message }: NodeJS.ErrnoException) => port.postMessage({ code, errno, message }),
  )
}

function writeFirst(socket: Socket): void {
  socket.write(waiting[0]!, error => {
    if (error) return // reported by `error`
    waiting.shift()
    port.postMessage(undefined)
    if (waiting.length > 0) writeFirst(socket)
  })
}
