import { createInterface } from 'node:readline/promises'
import { InputError } from '../errors.ts'
import type { Metainfo } from '../index.ts'
import { EXIT_CODES, ExitError } from './exit.ts'
import { formatFiles, selectFiles } from './selection.ts'
import { visible } from './terminal.ts'

/** Maximum number of indices in a range such as `2-9`. */
const MAX_RANGE = 1_000_000

/**
 * Shows the files on standard error and reads which of them to download from standard input, until the answer is valid.
 * Resolves with values of `--file`; none stand for all files.
 * @throws InputError if standard input is not a terminal, or ends @throws ExitError after Ctrl-C
 */
export async function askForFiles(metainfo: Metainfo): Promise<readonly string[]> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    throw new InputError('ERR_USAGE', '--interactive needs a terminal; use --file')
  }
  process.stderr.write(`${visible(formatFiles(metainfo))}\n`)
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  const ended = new AbortController()
  const end = (reason: Error) => ended.abort(reason)
  // the line editor reads Ctrl-C itself, so that no signal comes
  lines.on('SIGINT', () => end(new ExitError(EXIT_CODES.interrupted)))
  lines.on('close', () => end(new InputError('ERR_USAGE', 'no files were selected')))
  try {
    for (;;) {
      const answer = await lines.question('files to download, such as 0 2-4 *.mkv (Enter for all): ', {
        signal: ended.signal,
      })
      const patterns = parseAnswer(answer)
      const fault = await faultOf(metainfo, patterns)
      if (fault === undefined) return patterns
      process.stderr.write(`${visible(fault)}\n`)
    }
  } catch (error) {
    throw ended.signal.aborted ? ended.signal.reason : error
  } finally {
    lines.close()
  }
}

/** Returns the values of `--file` in an answer. A range of indices becomes one value for each of them. */
export function parseAnswer(answer: string): string[] {
  const words = answer.split(/[\s,]+/).filter(word => word !== '')
  return words.flatMap(word => {
    const [, first, last] = /^(\d+)-(\d+)$/.exec(word) ?? []
    const length = Number(last) - Number(first) + 1
    if (first === undefined || !(length > 0) || length > MAX_RANGE) return [word]
    return Array.from({ length }, (_, at) => String(Number(first) + at))
  })
}

async function faultOf(metainfo: Metainfo, patterns: readonly string[]): Promise<string | undefined> {
  try {
    await selectFiles(metainfo, patterns)
    return undefined
  } catch (error) {
    // the list of files is on the screen already
    if (error instanceof InputError) return error.message.replace('; the files are:', '')
    throw error
  }
}
