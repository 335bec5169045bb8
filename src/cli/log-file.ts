import { openSync, writeSync } from 'node:fs'
import { quote } from '../codec/index.ts'
import { InputError } from '../errors.ts'
import { reasonOf } from '../ports/reason-of.ts'
import type { WriteLine } from './json-reporter.ts'
import type { Reporter } from './reporter.ts'

/**
 * Opens a file that lines are appended to. A line that cannot be written is lost; the first one is a warning.
 * @throws InputError
 */
export function openLog(path: string, reporter: Pick<Reporter, 'reportWarning'>): WriteLine {
  const describe = (error: unknown) => `--log: cannot write ${quote(path)}: ${reasonOf(error)}`
  let isReported = false
  let descriptor: number
  try {
    descriptor = openSync(path, 'a')
  } catch (error) {
    throw new InputError('ERR_USAGE', describe(error), error)
  }
  return line => {
    try {
      writeSync(descriptor, line)
    } catch (error) {
      // a full disk for the log does not end a download to another place
      if (!isReported) reporter.reportWarning('ERR_STORAGE', describe(error))
      isReported = true
    }
  }
}

/** Returns a reporter that passes each report to `log` too, and so do the reporters that it creates. */
export function teeReporter<T extends object>(main: T, log: T): T {
  return new Proxy(main, {
    get(target, name) {
      const method = Reflect.get(target, name) as unknown
      if (typeof method !== 'function') return method
      return (...args: unknown[]) => {
        const result = method.apply(target, args)
        const logged = (log as Record<PropertyKey, (...args: unknown[]) => unknown>)[name]!(...args)
        return typeof result === 'object' && result !== null ? teeReporter(result, logged as object) : result
      }
    },
  })
}
