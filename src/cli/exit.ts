import { InputError, messageOf, StalledError, StorageError } from '../errors.ts'

/** The exit codes, which docs/cli.md promises to scripts. */
export const EXIT_CODES = {
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

/** Ends the run with an exit code, and with a message if there is one to print. */
export class ExitError extends Error {
  readonly exitCode: number
  /** The message to print, if any. */
  readonly text: string | undefined

  constructor(exitCode: number, text?: string) {
    super(text ?? `exit code ${exitCode}`)
    this.exitCode = exitCode
    this.text = text
  }
}

/** The options select no valid set of files. `listing` shows the files, one per line. */
export class ChoiceError extends InputError {
  readonly listing: string

  constructor(message: string, listing: string) {
    super('ERR_USAGE', message)
    this.listing = listing
  }
}

/** Returns the exit code for an error. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof ExitError) return error.exitCode
  if (error instanceof InputError) return EXIT_CODES.usage
  if (error instanceof StalledError) return EXIT_CODES.gaveUp
  if (error instanceof StorageError) return isReaderGone(error) ? EXIT_CODES.readerGone : EXIT_CODES.storage
  return EXIT_CODES.fault
}

/** Returns the text to print for an error, if any: one line, and the files for a `ChoiceError`, the stack for a bug. */
export function describeError(error: unknown): string | undefined {
  const exit = exitCodeOf(error)
  if (error instanceof ExitError) return error.text
  if (exit === EXIT_CODES.readerGone) return undefined
  if (error instanceof ChoiceError) return `${messageOf(error)}\n${error.listing}`
  if (exit === EXIT_CODES.fault && error instanceof Error && error.stack) return error.stack
  return messageOf(error)
}

function isReaderGone(error: StorageError): boolean {
  const code = (error.cause as NodeJS.ErrnoException | undefined)?.code
  return code === 'EPIPE' || code === 'ECONNRESET' // the reader of a socket closed it with unread bytes
}
