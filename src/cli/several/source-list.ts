import { readFileSync } from 'node:fs'
import { quote } from '../../codec/index.ts'
import { InputError } from '../../errors.ts'
import { reasonOf } from '../../ports/reason-of.ts'
import { readStdin } from '../source.ts'

/** Maximum bytes of a list, and maximum number of sources of a run. */
const MAX_LIST_BYTES = 16 << 20
const MAX_SOURCES = 10_000

/**
 * Reads a list of sources, one in each line. Blank lines and lines that begin with `#` are skipped. `-` is standard input.
 * @throws InputError if the list cannot be read, is too long or has no sources
 */
export async function readSourceList(path: string): Promise<readonly string[]> {
  const lines = (await readList(path)).toString().split('\n')
  const sources = lines.map(line => line.trim()).filter(line => line !== '' && !line.startsWith('#'))
  if (sources.length === 0) throw listError(path, 'it has no sources')
  if (sources.length > MAX_SOURCES) throw listError(path, `it has more than ${MAX_SOURCES} sources`)
  if (sources.includes('-')) throw listError(path, '- is not a source of a list')
  return sources
}

async function readList(path: string): Promise<Buffer> {
  if (path === '-') return readStdin(MAX_LIST_BYTES)
  let bytes: Buffer
  try {
    bytes = readFileSync(path)
  } catch (error) {
    throw new InputError('ERR_USAGE', `cannot read the list ${quote(path)}: ${reasonOf(error)}`, error)
  }
  if (bytes.length <= MAX_LIST_BYTES) return bytes
  throw listError(path, `longer than ${MAX_LIST_BYTES} bytes`)
}

function listError(path: string, reason: string): InputError {
  return new InputError(
    'ERR_USAGE',
    `the list ${path === '-' ? 'on standard input' : quote(path)}: ${reason}`,
  )
}
