import { Argument, type Command } from 'commander'
import type { CommandDefinition } from './command-definition.ts'
import { formatUsageError } from './help.ts'
import { addOptions } from './options/to-commander.ts'
import { Environment } from './settings/environment.ts'
import { findConfigFile } from './settings/find-config-file.ts'
import { type Options, resolveOptions } from './settings/resolve-options.ts'
import type { SettingSource } from './settings/setting.ts'
import { visible } from './terminal.ts'

/** Runs the work of a command. Its result is the exit code of the process. */
export type RunCommand = (work: () => Promise<number>) => Promise<void>

/** Adds commands to the program. Their options come from flags, the environment and the configuration file. */
export function addCommands(
  program: Command,
  commands: readonly CommandDefinition[],
  environment: NodeJS.ProcessEnv,
  run: RunCommand,
): void {
  // All commands together have hundreds of options, so those of a command are added when it runs, and all for a help text.
  const missing = new Map<Command, CommandDefinition['options']>()
  const addMissing = (command: Command) => {
    addOptions(command, missing.get(command) ?? [])
    missing.delete(command)
  }
  program.hook('preSubcommand', (_, command) => addMissing(command))
  program.on('beforeAllHelp', () => [...missing.keys()].forEach(addMissing))
  for (const definition of commands) {
    const command = program
      .command(definition.name, { isDefault: definition.isDefault === true })
      .description(definition.description)
      .configureOutput({
        outputError: (text, write) =>
          write(
            `tsdl: ${visible(formatUsageError(text, definition.isDefault ? undefined : definition.name))}\n`,
          ),
      })
    for (const { choices, help, name } of definition.arguments) {
      const argument = new Argument(name, help)
      command.addArgument(choices ? argument.choices(choices) : argument)
    }
    missing.set(command, definition.options)
    command.action((...received: unknown[]) =>
      run(async () => {
        const values = received.slice(0, definition.arguments.length) as (string | string[])[]
        const resolve = () => readOptions(command, definition, { environment, commands })
        const options = await resolve()
        return definition.run(values, options, { environment, commands, readOptions: resolve })
      }),
    )
  }
}

async function readOptions(
  command: Command,
  { name, options }: CommandDefinition,
  { environment, commands }: { environment: NodeJS.ProcessEnv; commands: readonly CommandDefinition[] },
): Promise<Options> {
  const flags = {
    values: command.opts(),
    isGiven: (attribute: string) => command.getOptionValueSource(attribute) === 'cli',
  }
  const sources: SettingSource[] = [new Environment(environment)]
  const file = await findConfigFile(environment, commands)
  return resolveOptions(name, options, flags, file ? [...sources, file] : sources)
}
