import type { CommandDefinition } from '../command-definition.ts'
import type { OptionDefinition } from '../options/definition.ts'
import { describeOption } from '../options/to-commander.ts'

/** A flag of a command, as the help lists it. */
export interface Flag {
  /** With dashes: `--output`. */
  readonly long: string
  /** With its dash: `-o`. */
  readonly short?: string | undefined
  readonly help: string
  readonly group: string
  readonly list: boolean
  /** The value in the help, such as `<dir>`; undefined for a switch. */
  readonly value?: string | undefined
  /** The valid values, if there are few. */
  readonly choices: readonly string[]
  /** The kind of value that a shell completes. */
  readonly kind: 'directory' | 'file' | 'none'
}

/** Placeholders of values that are paths. */
const FILE_VALUES = new Set(['<file>', '<list>', '<program>', '<player>'])

/** Returns the flags of a command, with `--help`. */
export function flagsOf({ options }: Pick<CommandDefinition, 'options'>): Flag[] {
  const help = { long: '--help', short: '-h', help: 'display help for command', group: 'Options:' }
  return [...options.flatMap(flagsOfOption), { ...help, list: false, choices: [], kind: 'none' }]
}

function flagsOfOption(definition: OptionDefinition): Flag[] {
  const { choices = [], group, list = false, name, offHelp, on = false, short, value } = definition
  const kind = value === '<dir>' ? 'directory' : FILE_VALUES.has(value ?? '') ? 'file' : 'none'
  const own: Flag = {
    ...{ long: `--${on ? 'no-' : ''}${name}`, short: short && `-${short}`, help: describeOption(definition) },
    ...{ group, list, value, choices, kind },
  }
  if (offHelp === undefined) return [own]
  return [own, { long: `--no-${name}`, help: offHelp, group, list: false, choices: [], kind: 'none' }]
}
