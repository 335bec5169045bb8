import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { quote } from '../../codec/index.ts'
import { InputError } from '../../errors.ts'
import { reasonOf } from '../../ports/reason-of.ts'
import type { ConfigFile, ConfigurableCommand } from './config-file.ts'

/** Maximum bytes of a configuration file. When a position is needed, each line is parsed with all lines before it. */
const MAX_CONFIG_BYTES = 65_536

/**
 * Returns the path of the configuration file: TSDL_CONFIG, or `tsdl/config.toml` below XDG_CONFIG_HOME. An empty
 * TSDL_CONFIG means that there is none.
 */
export function configPath({ TSDL_CONFIG, XDG_CONFIG_HOME }: NodeJS.ProcessEnv): string | undefined {
  if (TSDL_CONFIG !== undefined) return TSDL_CONFIG || undefined
  return join(XDG_CONFIG_HOME || join(homedir(), '.config'), 'tsdl', 'config.toml')
}

/**
 * Reads the configuration file, if there is one. The parser is loaded only then.
 * @throws InputError if the file is invalid, or if TSDL_CONFIG names a file that cannot be read
 */
export async function findConfigFile(
  environment: NodeJS.ProcessEnv,
  commands: readonly ConfigurableCommand[],
): Promise<ConfigFile | undefined> {
  const path = configPath(environment)
  if (path === undefined) return undefined
  const text = readConfig(path, environment.TSDL_CONFIG !== undefined)
  if (text === undefined) return undefined
  const { ConfigFile } = await import('./config-file.ts')
  return new ConfigFile(path, text, commands)
}

function readConfig(path: string, required: boolean): string | undefined {
  let bytes: Buffer
  try {
    bytes = readFileSync(path)
  } catch (error) {
    const missing = ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')
    if (missing && !required) return undefined
    throw new InputError(
      'ERR_USAGE',
      `cannot read the configuration ${quote(path)}: ${reasonOf(error)}`,
      error,
    )
  }
  if (bytes.length <= MAX_CONFIG_BYTES) return bytes.toString()
  throw new InputError(
    'ERR_USAGE',
    `the configuration ${quote(path)} is longer than ${MAX_CONFIG_BYTES} bytes`,
  )
}
