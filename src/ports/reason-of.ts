import { getSystemErrorMap } from 'node:util'
import { messageOf } from '../errors.ts'

/**
 * Describes an error of the operating system or of a server in words, without its code. Describes the innermost cause.
 */
export function reasonOf(error: unknown): string {
  const { cause, code, errno, errors } = (error ?? {}) as NodeJS.ErrnoException & { errors?: unknown[] }
  if (cause !== undefined) return reasonOf(cause)
  if (errors?.length) return reasonOf(errors[0])
  if (code === 'ENOTFOUND') return 'no such host'
  return getSystemErrorMap().get(errno ?? 0)?.[1] ?? messageOf(error)
}
