import type { CommandDefinition } from '../command-definition.ts'
import { type Flag, flagsOf } from './flags.ts'

/** Returns a completion script for fish: `tsdl completion fish | source`. */
export function fishCompletion(commands: readonly CommandDefinition[]): string {
  const others = commands.filter(({ isDefault }) => !isDefault).map(({ name }) => name)
  const lines = [
    '# fish completion for tsdl',
    'complete -c tsdl -n __fish_use_subcommand -l version -s V -d "output the version number"',
    ...commands.flatMap(command => {
      const condition = command.isDefault
        ? `not __fish_seen_subcommand_from ${others.join(' ')}`
        : `__fish_seen_subcommand_from ${command.name}`
      const name = `complete -c tsdl -n __fish_use_subcommand -a ${command.name} -d ${quoteWord(command.description)}`
      return [
        name,
        ...flagsOf(command).map(flag => `complete -c tsdl -n ${quoteWord(condition)} ${formatFlag(flag)}`),
      ]
    }),
  ]
  return `${lines.join('\n')}\n`
}

function formatFlag({ long, short, help, value, choices, kind }: Flag): string {
  const names = `-l ${long.slice(2)}${short ? ` -s ${short.slice(1)}` : ''}`
  return `${names}${value === undefined ? '' : ` ${formatValue(choices, kind)}`} -d ${quoteWord(help)}`
}

function formatValue(choices: readonly string[], kind: Flag['kind']): string {
  if (choices.length > 0) return `-x -a ${quoteWord(choices.join(' '))}`
  return { directory: "-x -a '(__fish_complete_directories)'", file: '-r -F', none: '-x' }[kind]
}

function quoteWord(text: string): string {
  return `'${text.replace(/['\\]/g, '\\$&')}'`
}
