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
/** Opened for the first chunk: `PipeSink` listens for errors by then. */
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
