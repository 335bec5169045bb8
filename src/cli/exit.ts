import { getSystemErrorMap } from 'node:util'
import { InputError, messageOf, StalledError, StorageError } from '../errors.ts'

/** What the exit codes mean: a promise to scripts. */
export const EXIT = {
  ok: 0,
  fault: 1,
  usage: 2,
  gaveUp: 3,
  storage: 4,
  notRight: 5,
  interrupted: 130,
  terminated: 143,
  readerGone: 141,
} as const

/** Ends the run with this code, with a last word if there is still something to say. */
export class Exit extends Error {
  readonly exit: number
  readonly word: string | undefined

  constructor(exit: number, word?: string) {
    super(word ?? `exit ${exit}`)
    this.exit = exit
    this.word = word
  }
}

/** A choice that cannot be made: what is wrong, and then what there is, a line each. */
export class ChoiceError extends InputError {
  readonly listing: string

  constructor(message: string, listing: string) {
    super('ERR_USAGE', message)
    this.listing = listing
  }
}

/** The exit code that an error stands for. */
export function exitOf(error: unknown): number {
  if (error instanceof Exit) return error.exit
  if (error instanceof InputError) return EXIT.usage
  if (error instanceof StalledError) return EXIT.gaveUp
  if (error instanceof StorageError) return isReaderGone(error) ? EXIT.readerGone : EXIT.storage
  return EXIT.fault
}

/** What to say of an error: one line, or nothing; a choice with its listing, a fault of ours with where it is. */
export function explain(error: unknown): string | undefined {
  const exit = exitOf(error)
  if (error instanceof Exit) return error.word
  if (exit === EXIT.readerGone) return undefined
  if (error instanceof ChoiceError) return `${messageOf(error)}\n${error.listing}`
  if (exit === EXIT.fault && error instanceof Error && error.stack) return error.stack
  return messageOf(error)
}

/** Why the system could not: in words, without its codes and what was said already. */
export function reasonOf(error: unknown): string {
  const { cause, code, errno, errors } = (error ?? {}) as NodeJS.ErrnoException & { errors?: unknown[] }
  if (cause !== undefined) return reasonOf(cause)
  if (errors?.length) return reasonOf(errors[0])
  if (code === 'ENOTFOUND') return 'no such host'
  return getSystemErrorMap().get(errno ?? 0)?.[1] ?? messageOf(error)
}

function isReaderGone(error: StorageError): boolean {
  const code = (error.cause as NodeJS.ErrnoException | undefined)?.code
  return code === 'EPIPE' || code === 'ECONNRESET' // a socket whose reader left bytes unread
}
