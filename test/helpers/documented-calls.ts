/** Compares the tables of docs/rpc.md with the calls that a test makes. */
import { readFileSync } from 'node:fs'
import type { Test } from 'tap'
import { inProject } from './project.ts'

type CallTable = Readonly<Record<string, (...values: never[]) => unknown>>

/**
 * Records the names of the functions of a table that are called and do not fail, from the next test of `t` until the
 * end of the process.
 */
export function recordCalls(t: Test, table: CallTable): ReadonlySet<string> {
  const called = new Set<string>()
  // tests of another file may run before it in the same process
  t.before(() => called.clear())
  const functions = table as Record<string, (...values: unknown[]) => unknown>
  for (const [name, call] of Object.entries(functions))
    functions[name] = async (...values) => {
      const result = await call(...values)
      called.add(name)
      return result
    }
  return called
}

/** Returns the names in a section of docs/rpc.md, with the last cell of their rows. */
export function readDocumented(section: string): ReadonlyMap<string, string> {
  const page = readFileSync(inProject('docs/rpc.md'), 'utf8')
  const [, text = ''] = page.split(`\n## ${section}\n`)
  const rows = text.split('\n## ')[0]!.matchAll(/^\| (`.*?) \|.*?([^|]*) \|$/gm)
  return new Map(
    [...rows].flatMap(([, names = '', last = '']) =>
      [...names.matchAll(/`([^`]+)`/g)].map(([, name = '']) => [name, last.trim()] as const),
    ),
  )
}

/** Checks that a section of docs/rpc.md marks exactly these names as called by a test. */
export function checkTested(t: Test, section: string, test: string, called: Iterable<string>): void {
  const listed = [...readDocumented(section)].filter(([, tests]) => tests.split(', ').includes(test))
  t.strictSame([...called].sort(), listed.map(([name]) => name.replaceAll('-', '_')).sort())
}
