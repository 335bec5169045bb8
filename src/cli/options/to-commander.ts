import { type Command, Option } from 'commander'
import { messageOf } from '../../errors.ts'
import { parseSetting } from '../settings/setting.ts'
import { attributeOf, type OptionDefinition } from './definition.ts'

/** Adds options to a command. A boolean gets the opposite flag as well, hidden, which undoes a value of another source. */
export function addOptions(command: Command, definitions: readonly OptionDefinition[]): void {
  for (const definition of definitions) {
    command.addOption(createOption(command, definition))
    if (definition.type === 'boolean') command.addOption(createOppositeOption(definition))
    const { group, name, offHelp } = definition
    if (offHelp !== undefined) command.addOption(new Option(`--no-${name}`, offHelp).helpGroup(group))
  }
}

/** Returns what the help says about an option. */
export function describeOption({ help, default: defaultValue, list }: OptionDefinition): string {
  const notes = [
    ...(list ? ['(repeatable)'] : []),
    ...(defaultValue === undefined ? [] : [`(default: ${defaultValue})`]),
  ]
  return [help, ...notes].join(' ')
}

function createOption(command: Command, definition: OptionDefinition): Option {
  const { name, short, value, on = false, choices, conflicts = [], group } = definition
  const flags = `${short ? `-${short}, ` : ''}--${on ? 'no-' : ''}${name}${value ? ` ${value}` : ''}`
  const option = new Option(flags, describeOption(definition)).helpGroup(group)
  if (conflicts.length > 0) option.conflicts(conflicts.map(name => attributeOf({ name })))
  if (definition.type === 'boolean') return option
  if (choices) option.choices(choices)
  return option.argParser(createArgumentParser(command, definition))
}

function createOppositeOption({ name, on = false }: OptionDefinition): Option {
  return new Option(`--${on ? '' : 'no-'}${name}`).hideHelp()
}

/** Returns a parser for commander. It leaves secrets as they are, because no error may show their value. */
function createArgumentParser(command: Command, definition: OptionDefinition) {
  const { list, name, secret } = definition
  const parseOne = { ...definition, list: false }
  return (text: string, earlier?: unknown): unknown => {
    const add = (value: unknown) => (list ? [...(Array.isArray(earlier) ? earlier : []), value] : value)
    if (secret) return add(text)
    try {
      return add(parseSetting(parseOne, text, `--${name}`))
    } catch (error) {
      // commander's own error for invalid values repeats the value and the flag
      return command.error(`error: ${messageOf(error)}`)
    }
  }
}
