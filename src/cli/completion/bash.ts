import type { CommandDefinition } from '../command-definition.ts'
import { type Flag, flagsOf } from './flags.ts'

/** Returns a completion script for bash 4 or later: `source <(tsdl completion bash)`. */
export function bashCompletion(commands: readonly CommandDefinition[]): string {
  const names = commands.map(({ name }) => name)
  return `# bash completion for tsdl
_tsdl() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD - 1]} command=get flags
  COMPREPLY=()
  if ((COMP_CWORD > 1)); then
    case \${COMP_WORDS[1]} in ${names.join('|')}) command=\${COMP_WORDS[1]} ;; esac
  fi
  case $command in
${commands.map(formatCommand).join('\n')}
  esac
  if [[ $cur == -* ]]; then
    COMPREPLY=($(compgen -W "$flags" -- "$cur"))
  elif ((COMP_CWORD == 1)); then
    COMPREPLY=($(compgen -W '${names.join(' ')}' -- "$cur"))
  fi
}
complete -o default -F _tsdl tsdl
`
}

function formatCommand(command: CommandDefinition): string {
  const flags = flagsOf(command)
  const global = command.isDefault ? ['--version'] : []
  const values = flags.filter(({ value }) => value !== undefined)
  const cases = [
    ...values
      .filter(({ choices }) => choices.length > 0)
      .map(flag => formatCase([flag], words(flag.choices))),
    formatCase(
      values.filter(({ kind }) => kind === 'directory'),
      'compopt -o filenames; COMPREPLY=($(compgen -d -- "$cur")); return',
    ),
    formatCase(
      values.filter(({ kind }) => kind === 'file'),
      'return',
    ),
    formatCase(
      values.filter(({ kind, choices }) => kind === 'none' && choices.length === 0),
      'compopt +o default; return',
    ),
  ]
  const all = [...flags.map(({ long }) => long), ...global].join(' ')
  return `    ${command.name})
      flags='${all}'
      case $prev in
${cases.filter(text => text !== '').join('\n')}
        *) ;;
      esac
      ;;`
}

function words(choices: readonly string[]): string {
  return `COMPREPLY=($(compgen -W '${choices.join(' ')}' -- "$cur")); return`
}

function formatCase(flags: readonly Flag[], action: string): string {
  const patterns = flags.flatMap(({ long, short }) => (short ? [long, short] : [long]))
  return patterns.length === 0 ? '' : `        ${patterns.join('|')}) ${action} ;;`
}
