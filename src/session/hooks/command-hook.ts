import { type ChildProcess, spawn } from 'node:child_process'
import { addAbortListener } from 'node:events'
import { checkArgument } from '../../codec/check-arguments.ts'
import { messageOf, StorageError } from '../../errors.ts'
import { type Clock, systemClock } from '../../ports/clock.ts'
import { reasonOf } from '../../ports/reason-of.ts'
import type { Hook, HookEvent } from './hook-event.ts'

/** Options of `CommandHook`. */
export interface CommandHookOptions {
  /** Milliseconds after which the command is ended with SIGTERM. @default 60,000 */
  readonly timeout?: number
  /** The environment of the command, besides the variables of the event. @default that of this process */
  readonly environment?: Readonly<Record<string, string | undefined>>
  readonly clock?: Clock
  /** Starts a program. @default node:child_process */
  readonly spawn?: typeof spawn
}

const DEFAULT_TIMEOUT_MS = 60_000
/** Milliseconds between SIGTERM and SIGKILL. */
const KILL_DELAY_MS = 5000

/**
 * Runs a program for each event. No shell is involved: names of torrents reach it only in its environment, as `TSDL_EVENT`,
 * `TSDL_ID`, `TSDL_INFO_HASH`, `TSDL_NAME`, `TSDL_DIRECTORY`, `TSDL_LABELS` (separated by commas), `TSDL_CATEGORY`,
 * `TSDL_SIZE`, `TSDL_DOWNLOADED`, `TSDL_UPLOADED`, `TSDL_TIME` and `TSDL_ERROR`. Its output is discarded.
 */
export class CommandHook implements Hook {
  readonly #program: string
  readonly #options: CommandHookOptions

  /** @param program the path of a program, or its name in PATH; it gets no arguments */
  constructor(program: string, options: CommandHookOptions = {}) {
    checkArgument('program', program, 'text')
    this.#program = program
    this.#options = options
  }

  /** See Hook. */
  async deliver(event: HookEvent, signal: AbortSignal): Promise<void> {
    const { clock = systemClock, timeout = DEFAULT_TIMEOUT_MS } = this.#options
    const child = this.#start(event)
    let killTimer: object | undefined
    const end = () => {
      child.kill('SIGTERM')
      killTimer ??= clock.setTimeout(() => child.kill('SIGKILL'), KILL_DELAY_MS)
    }
    let isLate = false
    const timer = clock.setTimeout(() => {
      isLate = true
      end()
    }, timeout)
    const listener = addAbortListener(signal, end)
    try {
      const { code, signal: killer } = await this.#ending(child)
      if (isLate) throw this.#failure(`it ran for more than ${timeout / 1000} s and was ended`)
      if (code !== 0) throw this.#failure(code === null ? `it was ended by ${killer}` : `exit code ${code}`)
    } finally {
      listener[Symbol.dispose]()
      clock.clearTimeout(timer)
      clock.clearTimeout(killTimer)
    }
  }

  #start(event: HookEvent): ChildProcess {
    const { environment = process.env, spawn: start = spawn } = this.#options
    try {
      return start(this.#program, [], {
        ...{ shell: false, stdio: 'ignore', windowsHide: true },
        env: { ...withoutSecrets(environment), ...variablesOf(event) },
      })
    } catch (error) {
      throw this.#failure(messageOf(error), error)
    }
  }

  #ending(child: ChildProcess): Promise<{ code: number | null; signal: string | null }> {
    return new Promise((resolve, reject) => {
      child.once('error', error => reject(this.#failure(reasonOf(error), error)))
      child.once('close', (code, signal) => resolve({ code, signal }))
    })
  }

  #failure(reason: string, cause?: unknown): StorageError {
    return new StorageError('ERR_STORAGE', `the command ${this.#program} failed: ${reason}`, cause)
  }
}

/** Leaves out the variables that hold a token or a password of tsdl. */
function withoutSecrets(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const isSecret = (name: string) => /^TSDL_(\w+_)?(TOKEN|PASSWORD)$/i.test(name)
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !isSecret(name)))
}

/** Returns the variables of an event. A variable cannot have a zero byte. */
function variablesOf(event: HookEvent): Record<string, string> {
  const { labels, infoHash, ...rest } = event
  const values = { ...rest, info_hash: infoHash, labels: labels.join(',') }
  return Object.fromEntries(
    Object.entries(values).map(([key, value]) => [
      `TSDL_${key.toUpperCase()}`,
      String(value).replaceAll('\0', ''),
    ]),
  )
}
