import type { CommandContext, CommandDefinition } from './command-definition.ts'
import { EXIT_CODES } from './exit.ts'
import type { OptionDefinition } from './options/definition.ts'
import { Environment, variablesOf } from './settings/environment.ts'
import { configPath, findConfigFile } from './settings/find-config-file.ts'
import type { SettingSource } from './settings/setting.ts'
import { printLine } from './stdout.ts'
import { json as toJson, visible } from './terminal.ts'

/** The options of `tsdl config`. */
export interface ConfigOptions {
  readonly json?: boolean
}

/** The present value of one option, and its source. */
interface ConfigEntry {
  /** The command; null for all commands that have the option. */
  readonly command: string | null
  readonly name: string
  /** The value as it was written; null for the default. */
  readonly value: unknown
  readonly source: 'default' | 'environment' | 'file'
  /** The variable, or the file and line, or the default in words. */
  readonly origin: string | null
}

/** Variables that are no options. */
const OTHER_VARIABLES = new Set(['TSDL_CONFIG'])
/** Shown in place of a secret. */
const HIDDEN_SECRET = '***'

/** Prints every option, its value and the source of the value, as a configuration file or as JSON. */
export async function printConfig(
  { json = false }: ConfigOptions,
  { environment, commands }: CommandContext,
): Promise<number> {
  const file = await findConfigFile(environment, commands)
  const sources: SettingSource[] = [new Environment(environment), ...(file ? [file] : [])]
  const entries = listEntries(commands, sources)
  const unknown = findUnknownVariables(commands, environment)
  const path = file?.path ?? null
  await printLine(
    json
      ? toJson({ file: path, options: entries, unknownVariables: unknown })
      : visible(formatEntries(entries, unknown, path ?? `${configPath(environment) ?? 'no file'} (missing)`)),
  )
  return EXIT_CODES.ok
}

/** Returns the options of all commands first, then those of each command that differ or are its own. */
function listEntries(
  commands: readonly CommandDefinition[],
  sources: readonly SettingSource[],
): ConfigEntry[] {
  const common = new Map<string, ConfigEntry>()
  for (const { options } of commands) {
    for (const option of options)
      if (!option.own && !common.has(option.name))
        common.set(option.name, describeSetting(null, option, sources))
  }
  const own = commands.flatMap(({ name, options }) =>
    options
      .map(option => ({ option, entry: describeSetting(name, option, sources) }))
      .filter(({ option, entry }) => option.own || entry.origin !== common.get(option.name)?.origin)
      .map(({ entry }) => entry),
  )
  return [...common.values(), ...own]
}

function describeSetting(
  command: string | null,
  definition: OptionDefinition,
  sources: readonly SettingSource[],
): ConfigEntry {
  const { name, secret } = definition
  for (const source of sources) {
    const setting = source.find(command ?? '', definition)
    if (!setting) continue
    const { written, source: kind, origin } = setting
    return { command, name, value: secret ? HIDDEN_SECRET : written, source: kind, origin }
  }
  return { command, name, value: null, source: 'default', origin: defaultOf(definition) }
}

function defaultOf({ type, on = false, default: defaultValue }: OptionDefinition): string | null {
  return defaultValue ?? (type === 'boolean' ? String(on) : null)
}

/** Returns variables with our prefix that set no option, such as misspelled ones. */
function findUnknownVariables(
  commands: readonly CommandDefinition[],
  environment: NodeJS.ProcessEnv,
): string[] {
  const known = new Set(
    commands.flatMap(({ name, options }) => options.flatMap(option => variablesOf(name, option))),
  )
  return Object.keys(environment)
    .filter(name => name.startsWith('TSDL_') && !known.has(name) && !OTHER_VARIABLES.has(name))
    .sort()
}

/** Formats entries as a configuration file. Defaults are comments. */
function formatEntries(entries: readonly ConfigEntry[], unknown: readonly string[], path: string): string {
  const lines = [`# ${path}`, ...unknown.map(name => `# ${name} is not the variable of an option`)]
  let table: string | null = null
  for (const { command, name, value, source, origin } of entries) {
    if (command !== table) lines.push('', `[${command}]`)
    table = command
    lines.push(
      source === 'default'
        ? `# ${name}${origin === null ? '' : ` (default: ${origin})`}`
        : `${`${name} = ${JSON.stringify(value)}`.padEnd(40)} # ${origin}`,
    )
  }
  return lines.join('\n')
}
