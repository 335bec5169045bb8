import { InputError } from '../../errors.ts'
import type { OptionDefinition } from '../options/definition.ts'
import { parseSetting, type Setting, type SettingSource } from './setting.ts'

const TRUE_WORDS = new Set(['1', 'true', 'yes', 'on'])
const FALSE_WORDS = new Set(['0', 'false', 'no', 'off'])

/** The variables `TSDL_NAME`, for all commands, and `TSDL_COMMAND_NAME`, for one. */
export class Environment implements SettingSource {
  readonly #variables: NodeJS.ProcessEnv

  constructor(variables: NodeJS.ProcessEnv) {
    this.#variables = variables
  }

  find(command: string, definition: OptionDefinition): Setting | undefined {
    for (const origin of variablesOf(command, definition)) {
      const written = this.#variables[origin]
      if (written === undefined) continue
      return { value: parseVariable(definition, written, origin), written, source: 'environment', origin }
    }
    return undefined
  }
}

/** Returns the variables of an option, the most specific first. */
export function variablesOf(command: string, { name, own }: OptionDefinition): string[] {
  const spelled = (text: string) => text.toUpperCase().replaceAll('-', '_')
  return [`TSDL_${spelled(command)}_${spelled(name)}`, ...(own ? [] : [`TSDL_${spelled(name)}`])]
}

function parseVariable(definition: OptionDefinition, written: string, origin: string): unknown {
  if (definition.offHelp !== undefined && FALSE_WORDS.has(written.toLowerCase())) return false
  if (definition.type !== 'boolean') {
    const parts = definition.list ? written.split(/\s+/).filter(part => part !== '') : written
    return parseSetting(definition, parts, origin)
  }
  const text = written.toLowerCase()
  if (TRUE_WORDS.has(text)) return true
  if (FALSE_WORDS.has(text)) return false
  throw new InputError('ERR_USAGE', `${origin}: expected true or false, got ${JSON.stringify(written)}`)
}
