/** Writes of parts of files, from their call until their reply. */
import { type FilePart, type FileReply, type FileWork, packParts } from './file-job.ts'
import { FILE_STATE_BYTES, FileStates } from './file-states.ts'

/** The work of a job of writes, but for its syncing. */
export type WriteWork = Omit<FileWork & { readonly kind: 'write' }, 'sync'>

/** Parts of files to write. */
export interface PartsWrite {
  readonly parts: readonly FilePart[]
  /** The bytes of the parts, at their offsets. */
  readonly bytes: Uint8Array
  /** The states that the files should have before. */
  readonly known: Uint8Array
}

interface QueuedWrite extends PartsWrite {
  readonly resolve: (reply: FileReply) => void
  readonly reject: (error: unknown) => void
}

export interface WriteQueueOptions {
  /** Runs a job. */
  readonly run: (work: WriteWork) => Promise<FileReply>
  /** Maximum number of jobs at once. */
  readonly jobs: number
  /** Maximum number of files, and of bytes, in a job of several writes. */
  readonly maxFiles: number
  readonly maxBytes: number
}

/** Runs writes in jobs. Those that wait while all jobs run share the next job, since each job costs two messages. */
export class WriteQueue {
  readonly #options: WriteQueueOptions
  readonly #waiting: QueuedWrite[] = []
  #running = 0

  constructor(options: WriteQueueOptions) {
    this.#options = options
  }

  /** Resolves with the reply for these parts alone. Rejects if the job could not be run to its end. */
  write(write: PartsWrite): Promise<FileReply> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ ...write, resolve, reject })
      this.#fill()
    })
  }

  #fill(): void {
    while (this.#running < this.#options.jobs && this.#waiting.length > 0) {
      this.#running++
      void this.#run(this.#take()).finally(() => {
        this.#running--
        this.#fill()
      })
    }
  }

  /** Takes the first writes, and leaves as many for each other job. */
  #take(): QueuedWrite[] {
    const { jobs, maxBytes, maxFiles } = this.#options
    const share = Math.ceil(this.#waiting.length / jobs)
    let files = 0
    let length = 0
    let count = 0
    for (const { parts, bytes } of this.#waiting.slice(0, share)) {
      files += parts.length
      length += bytes.length
      if (count > 0 && (files > maxFiles || length > maxBytes)) break
      count++
    }
    return this.#waiting.splice(0, count)
  }

  /** Never rejects. */
  async #run(writes: readonly QueuedWrite[]): Promise<void> {
    try {
      this.#settle(writes, await this.#options.run(workOf(writes)))
    } catch (error) {
      for (const { reject } of writes) reject(error)
    }
  }

  /** Divides a reply. Writes after a failed one were not begun, and are run again. */
  #settle(writes: readonly QueuedWrite[], reply: FileReply): void {
    const { changed = [], done = 0, failure, states, syncFailure, unsynced = [] } = reply
    let first = 0
    for (const [index, { parts, resolve }] of writes.entries()) {
      const end = first + parts.length
      if (failure && failure.at < first) {
        this.#waiting.unshift(...writes.slice(index))
        return
      }
      resolve({
        states: states!.subarray(first * FILE_STATE_BYTES, end * FILE_STATE_BYTES),
        done: Math.min(done, end) - first,
        changed: within(changed, first, end),
        unsynced: within(unsynced, first, end),
        ...(failure && failure.at < end && { failure: { ...failure, at: failure.at - first } }),
        ...(syncFailure &&
          within([syncFailure.at], first, end).length > 0 && {
            syncFailure: { ...syncFailure, at: syncFailure.at - first },
          }),
      })
      first = end
    }
  }
}

/** Returns the positions from `first` to before `end`, counted from `first`. */
function within(positions: readonly number[], first: number, end: number): number[] {
  return positions.flatMap(at => (at >= first && at < end ? [at - first] : []))
}

function workOf(writes: readonly QueuedWrite[]): WriteWork {
  const [single] = writes
  if (single && writes.length === 1)
    return {
      kind: 'write',
      parts: packParts(single.parts),
      bytes: sendable(single.bytes),
      known: Uint8Array.from(single.known),
    }
  const parts: FilePart[] = []
  let length = 0
  for (const write of writes) {
    for (const part of write.parts) parts.push({ ...part, at: length + part.at })
    length += write.bytes.length
  }
  const bytes = new Uint8Array(length)
  const known = new FileStates(parts.length)
  let at = 0
  let state = 0
  for (const write of writes) {
    bytes.set(write.bytes, at)
    known.bytes.set(write.known, state)
    at += write.bytes.length
    state += write.known.length
  }
  return { kind: 'write', parts: packParts(parts), bytes, known: known.bytes }
}

/** Returns bytes that a thread can read: shared memory as it is, and a copy of any other. */
function sendable(bytes: Uint8Array): Uint8Array {
  return bytes.buffer instanceof SharedArrayBuffer ? bytes : Uint8Array.from(bytes)
}
