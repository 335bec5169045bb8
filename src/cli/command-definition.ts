import type { OptionDefinition } from './options/definition.ts'
import type { Options } from './settings/resolve-options.ts'

/** An argument of a command. */
export interface ArgumentDefinition {
  /** The name in the syntax of commander: `<path>`, `[source...]`. */
  readonly name: string
  readonly help: string
  /** The valid values. @default all */
  readonly choices?: readonly string[]
}

/** What the work of a command gets, in addition to its arguments and options. */
export interface CommandContext {
  readonly environment: NodeJS.ProcessEnv
  readonly commands: readonly CommandDefinition[]
  /**
   * Resolves the options again, from the same flags and the present values of the environment and the configuration
   * file.
   */
  readonly readOptions: () => Promise<Options>
}

/** One command: its arguments, its options and its work. */
export interface CommandDefinition {
  readonly name: string
  readonly description: string
  readonly arguments: readonly ArgumentDefinition[]
  readonly options: readonly OptionDefinition[]
  /** True for the command that runs without a name. @default false */
  readonly isDefault?: boolean
  /** Runs the command with the values of its arguments. Resolves with the exit code. */
  run(values: readonly (string | string[])[], options: Options, context: CommandContext): Promise<number>
}

/** Defines a command with the types of its arguments and options, which commander does not check. */
export function defineCommand<V extends readonly unknown[], O>(
  definition: Omit<CommandDefinition, 'run'> & {
    run(values: V, options: O, context: CommandContext): Promise<number>
  },
): CommandDefinition {
  return definition as unknown as CommandDefinition
}
