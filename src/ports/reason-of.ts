import { getSystemErrorMap } from 'node:util'
import { messageOf } from '../errors.ts'

/** Describes what the operating system or a server refused, without error codes. It goes down to the first cause. */
export function reasonOf(error: unknown): string {
  const { cause, code, errno, errors } = (error ?? {}) as NodeJS.ErrnoException & { errors?: unknown[] }
  if (cause !== undefined) return reasonOf(cause)
  if (errors?.length) return reasonOf(errors[0])
  if (code === 'ENOTFOUND') return 'no such host'
  return getSystemErrorMap().get(errno ?? 0)?.[1] ?? messageOf(error)
}
