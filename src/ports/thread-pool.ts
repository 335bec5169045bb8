import { Worker } from 'node:worker_threads'
import PQueue from 'p-queue'

/** Megabytes for the young objects of a thread. With the default of V8 garbage would take several times as much memory. */
const YOUNG_GENERATION_MB = 4

/** Options of `ThreadPool`. */
export interface ThreadPoolOptions {
  /** The script of the threads. It replies to each message with one message. */
  readonly script: URL
  /** Maximum number of threads, at least 1. */
  readonly threads: number
}

/**
 * Worker threads that each answer one request at a time. A thread starts when all others are busy. Idle threads do not
 * keep the process alive.
 */
export class ThreadPool<Request, Reply> {
  readonly #script: URL
  readonly #queue: PQueue
  readonly #idle: Worker[] = []
  readonly #all = new Set<Worker>()
  #closed = false

  constructor({ script, threads }: ThreadPoolOptions) {
    this.#script = script
    this.#queue = new PQueue({ concurrency: threads })
  }

  /**
   * Resolves with the reply to a request. Rejects if the thread fails, with the reason of `signal`, and after `close`.
   * @param transfer memory that moves to the thread
   */
  run(request: Request, signal?: AbortSignal, transfer: readonly ArrayBuffer[] = []): Promise<Reply> {
    return this.#queue.add(() => {
      signal?.throwIfAborted()
      return this.#run(request, transfer)
    }) as Promise<Reply>
  }

  /** Terminates the threads after their requests. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#queue.onIdle()
    await Promise.all([...this.#all].map(worker => worker.terminate()))
    this.#all.clear()
  }

  async #run(request: Request, transfer: readonly ArrayBuffer[]): Promise<Reply> {
    if (this.#closed) throw new Error('the threads are closed')
    const worker = this.#idle.pop() ?? this.#start()
    worker.ref()
    try {
      const reply = await exchangeMessages<Reply>(worker, request, transfer)
      this.#idle.push(worker)
      return reply
    } catch (error) {
      // The thread itself failed, so it is not used again.
      this.#all.delete(worker)
      void worker.terminate()
      throw error
    } finally {
      worker.unref()
    }
  }

  #start(): Worker {
    const worker = new Worker(this.#script, {
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB },
    })
    this.#all.add(worker)
    return worker
  }
}

/** Sends a request to a thread and waits for its reply. Rejects if the thread fails. */
function exchangeMessages<Reply>(
  worker: Worker,
  request: unknown,
  transfer: readonly ArrayBuffer[],
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const settle = () => {
      worker.off('message', onMessage)
      worker.off('error', onError)
      worker.off('exit', onExit)
    }
    const onMessage = (reply: Reply) => {
      settle()
      resolve(reply)
    }
    const onError = (error: Error) => {
      settle()
      reject(error)
    }
    const onExit = () => onError(new Error('a thread ended'))
    worker.on('message', onMessage)
    worker.on('error', onError)
    worker.on('exit', onExit)
    worker.postMessage(request, [...transfer])
  })
}
