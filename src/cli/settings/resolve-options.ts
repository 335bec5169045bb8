import { attributeOf, type OptionDefinition } from '../options/definition.ts'
import { parseSetting, type Setting, type SettingSource } from './setting.ts'

/** The flags of a command line. */
export interface Flags {
  /** The value of each option, by attribute, and the defaults of booleans. */
  readonly values: Readonly<Record<string, unknown>>
  /** True if the command line has the flag of an attribute. */
  isGiven(attribute: string): boolean
}

/** The options of a command, by attribute. */
export type Options = Readonly<Record<string, unknown>>

/**
 * Returns the options of a command: from flags, else from `sources` in their order, else the defaults. A value excludes
 * values of lower precedence that cannot go with it.
 * @throws InputError that names the origin of an invalid value
 */
export function resolveOptions(
  command: string,
  definitions: readonly OptionDefinition[],
  flags: Flags,
  sources: readonly SettingSource[],
): Options {
  const resolved: Record<string, unknown> = { ...flags.values }
  const excluded = new Set<string>()
  const given = definitions.filter(definition => flags.isGiven(attributeOf(definition)))
  for (const definition of given) {
    const attribute = attributeOf(definition)
    const value = resolved[attribute]
    // commander has left the value unparsed
    if (definition.secret)
      resolved[attribute] = parseSetting(definition, value as string, `--${definition.name}`)
  }
  for (const definition of given) exclude(definition, resolved[attributeOf(definition)], excluded)
  const open = new Set(definitions.filter(definition => !given.includes(definition)))
  for (const source of sources) {
    const found = findSettings(command, open, excluded, source)
    for (const [definition, { value }] of found) {
      resolved[attributeOf(definition)] = value
      open.delete(definition)
    }
    for (const [definition, { value }] of found) exclude(definition, value, excluded)
  }
  return resolved
}

function findSettings(
  command: string,
  definitions: Iterable<OptionDefinition>,
  excluded: ReadonlySet<string>,
  source: SettingSource,
): [OptionDefinition, Setting][] {
  return Array.from(definitions).flatMap(definition => {
    const setting = excluded.has(definition.name) ? undefined : source.find(command, definition)
    return setting ? [[definition, setting]] : []
  })
}

function exclude(
  { name, excludes, conflicts = [] }: OptionDefinition,
  value: unknown,
  excluded: Set<string>,
): void {
  if (value === false) return
  for (const other of excludes?.(value) ?? conflicts) if (other !== name) excluded.add(other)
}
