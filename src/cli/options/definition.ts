/** Types that a value has in a configuration file. A quantity is a number, or a text with a unit such as `10m`. */
export type OptionType = 'boolean' | 'text' | 'number' | 'quantity'

/** One option: the source of its flag, its help, its key in the configuration file and its environment variable. */
export interface OptionDefinition {
  /** The name of the flag without dashes, which is also the key in the configuration file: `max-peers`. */
  readonly name: string
  /** The letter of the short flag. */
  readonly short?: string
  /** The heading of the group of the option in the help of a command. */
  readonly group: string
  readonly type: OptionType
  /** The value in the help, such as `<n>`. A boolean has none. */
  readonly value?: string
  /** What the flag does. For a boolean that is on by default, this describes `--no-NAME`. */
  readonly help: string
  /** The default value in words, for the help and `tsdl config`. */
  readonly default?: string
  /** True for a boolean that is on unless `--no-NAME` is given. @default false */
  readonly on?: boolean
  /** True if the flag may be given several times. Its value in a file is an array. @default false */
  readonly list?: boolean
  /** What `--no-NAME` does, for a list that it turns off. The value is then false. @default there is no such flag */
  readonly offHelp?: string
  /** The valid values of a text. @default all */
  readonly choices?: readonly string[]
  /** Parses a value. @throws InputError if it is invalid */
  readonly parse?: (text: string) => unknown
  /** Names of options that commander rejects in the same command line. */
  readonly conflicts?: readonly string[]
  /**
   * Returns the names of options that a value excludes. Their values from a source of lower precedence are ignored.
   * @default those of `conflicts`
   */
  readonly excludes?: (value: unknown) => readonly string[]
  /** True if its key is valid only in the table of a command, because the name has another meaning elsewhere. */
  readonly own?: boolean
  /** True if the value is never shown. @default false */
  readonly secret?: boolean
}

/** Returns the definitions with the heading of a group. */
export function inGroup(
  group: string,
  definitions: readonly Omit<OptionDefinition, 'group'>[],
): readonly OptionDefinition[] {
  return definitions.map(definition => ({ ...definition, group }))
}

/** Returns the name under which commander keeps a value: `maxPeers` for `max-peers`. */
export function attributeOf({ name }: Pick<OptionDefinition, 'name'>): string {
  return name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase())
}
