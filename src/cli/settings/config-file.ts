import { parse, TomlError } from 'smol-toml'
import { quote } from '../../codec/index.ts'
import { InputError } from '../../errors.ts'
import type { OptionDefinition } from '../options/definition.ts'
import { findKeyLines, isTable } from './key-lines.ts'
import { parseSetting, type Setting, type SettingSource } from './setting.ts'

/** A command, and the options that a file may set for it. */
export interface ConfigurableCommand {
  readonly name: string
  readonly options: readonly OptionDefinition[]
}

const EXPECTED_VALUES = {
  boolean: 'true or false',
  text: 'a string',
  number: 'a number',
  quantity: 'a number, or a string with a unit such as "10m"',
} as const

/**
 * A configuration file in TOML. Its keys are names of options. A key at the top holds for all commands, and a key in a
 * table named after a command for that command.
 */
export class ConfigFile implements SettingSource {
  readonly path: string
  readonly #text: string
  /** The settings by key, such as `up` or `serve.up`. Origins have no line yet. */
  readonly #settings = new Map<string, { value: unknown; written: unknown }>()
  #lines: ReadonlyMap<string, number> | undefined

  /** @throws InputError that names the file and the line of an unknown key or an invalid value */
  constructor(path: string, text: string, commands: readonly ConfigurableCommand[]) {
    this.path = path
    this.#text = text
    for (const [key, value] of Object.entries(parseToml(path, text))) {
      const command = commands.find(({ name }) => name === key)
      if (command) this.#readTable(command, value)
      else this.#read(key, value, this.#definitionAtTop(key, commands))
    }
  }

  find(command: string, definition: OptionDefinition): Setting | undefined {
    const { name, own } = definition
    const key = [`${command}.${name}`, ...(own ? [] : [name])].find(key => this.#settings.has(key))
    return key === undefined
      ? undefined
      : { ...this.#settings.get(key)!, source: 'file', origin: this.#originOf(key) }
  }

  #readTable({ name: command, options }: ConfigurableCommand, table: unknown): void {
    if (!isTable(table)) throw this.#error(command, `expected a table of options of tsdl ${command}`)
    for (const [name, value] of Object.entries(table)) {
      const definition = options.find(option => option.name === name)
      const key = `${command}.${name}`
      if (!definition) {
        throw this.#error(key, `unknown key ${quote(name)}: tsdl ${command} has no option --${name}`)
      }
      this.#read(key, value, definition)
    }
  }

  #definitionAtTop(key: string, commands: readonly ConfigurableCommand[]): OptionDefinition {
    const owners = commands.filter(({ options }) => options.some(({ name }) => name === key))
    const definition = owners
      .flatMap(({ options }) => options)
      .find(({ name, own }) => name === key && own !== true)
    if (definition) return definition
    const tables = owners.map(({ name }) => `[${name}]`).join(', ')
    throw this.#error(
      key,
      owners.length > 0
        ? `the key ${quote(key)} belongs in the table of a command: ${tables}`
        : `unknown key ${quote(key)}`,
    )
  }

  #read(key: string, written: unknown, definition: OptionDefinition): void {
    const { type, list, name, offHelp } = definition
    if (offHelp !== undefined && written === false) {
      this.#settings.set(key, { value: false, written })
      return
    }
    const items = list ? written : [written]
    if (!Array.isArray(items) || !items.every(item => isOfType(item, type))) {
      const expected = list
        ? `an array of strings${offHelp === undefined ? '' : ', or false'}`
        : EXPECTED_VALUES[type]
      throw this.#error(key, `${name}: expected ${expected}, got ${show(written, definition)}`)
    }
    const texts = items.map(String)
    const value = type === 'boolean' ? written : this.#parse(key, definition, list ? texts : texts[0]!)
    this.#settings.set(key, { value, written })
  }

  #parse(key: string, definition: OptionDefinition, written: string | readonly string[]): unknown {
    try {
      return parseSetting(definition, written, definition.name)
    } catch (error) {
      throw this.#error(key, (error as Error).message, error)
    }
  }

  #error(key: string, message: string, cause?: unknown): InputError {
    return new InputError('ERR_USAGE', `${this.#originOf(key)}: ${message}`, cause)
  }

  #originOf(key: string): string {
    this.#lines ??= findKeyLines(this.#text)
    const line = this.#lines.get(key)
    return line === undefined ? this.path : `${this.path}:${line}`
  }
}

function parseToml(path: string, text: string): object {
  try {
    return parse(text)
  } catch (error) {
    if (!(error instanceof TomlError)) throw error
    const [summary = ''] = error.message.split('\n')
    const reason = summary.replace(/^Invalid TOML document: /, '')
    throw new InputError(
      'ERR_USAGE',
      `${path}:${error.line}:${error.column}: not valid TOML: ${reason}`,
      error,
    )
  }
}

function isOfType(value: unknown, type: OptionDefinition['type']): boolean {
  if (type === 'boolean') return typeof value === 'boolean'
  if (type === 'number') return typeof value === 'number'
  return typeof value === 'string' || (type === 'quantity' && typeof value === 'number')
}

function show(written: unknown, { secret }: OptionDefinition): string {
  return secret ? 'another type' : quote(JSON.stringify(written))
}
