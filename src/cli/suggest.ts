import { existsSync } from 'node:fs'
import { InputError } from '../errors.ts'

/** Edits that a mistyped word may need. */
const MAX_EDITS = 2

/** Returns the candidate that is nearest to a mistyped word, if one is near. */
export function suggest(word: string, candidates: readonly string[]): string | undefined {
  const rated = candidates
    .map(candidate => ({ candidate, edits: countEdits(word, candidate) }))
    .filter(({ candidate, edits }) => edits <= Math.min(MAX_EDITS, candidate.length / 2))
    .sort((a, b) => a.edits - b.edits)
  return rated[0]?.candidate
}

/** @throws InputError if a source is a mistyped name of a command */
export function checkIsSource(source: string, commands: readonly { readonly name: string }[]): void {
  if (!/^[a-z]+$/.test(source)) return
  const name = suggest(
    source,
    commands.map(({ name }) => name),
  )
  if (name === undefined || existsSync(source)) return
  throw new InputError(
    'ERR_USAGE',
    `no file or command ${source}; did you mean tsdl ${name}? (see tsdl --help)`,
  )
}

/** Returns the number of edits between two words: letters inserted, removed, replaced, or swapped with the next. */
function countEdits(from: string, to: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: to.length + 1 }, (_, column) => column)
  for (let row = 1; row <= from.length; row++) {
    const current = [row]
    for (let column = 1; column <= to.length; column++) {
      const replaced = last[column - 1]! + (from[row - 1] === to[column - 1] ? 0 : 1)
      const isSwap =
        row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1]
      const swapped = isSwap ? beforeLast[column - 2]! + 1 : Number.POSITIVE_INFINITY
      current.push(Math.min(last[column]! + 1, current[column - 1]! + 1, replaced, swapped))
    }
    beforeLast = last
    last = current
  }
  return last.at(-1)!
}
