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

/** Ends the run with this code; what there is to say has been said. */
export class Exit extends Error {
  readonly exit: number

  constructor(exit: number) {
    super(`exit ${exit}`)
    this.exit = exit
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

/** What to say of an error: one line, or nothing; a fault of ours with where it is. */
export function explain(error: unknown): string | undefined {
  const exit = exitOf(error)
  if (error instanceof Exit || exit === EXIT.readerGone) return undefined
  if (exit === EXIT.fault && error instanceof Error && error.stack) return error.stack
  return messageOf(error)
}

function isReaderGone(error: StorageError): boolean {
  return (error.cause as NodeJS.ErrnoException | undefined)?.code === 'EPIPE'
}
