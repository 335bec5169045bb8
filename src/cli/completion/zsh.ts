import type { CommandDefinition } from '../command-definition.ts'
import { quoteText } from '../command-line.ts'
import { type Flag, flagsOf } from './flags.ts'

/** Returns a completion script for zsh: the file `_tsdl` in a directory of `fpath`, or `source <(tsdl completion zsh)`. */
export function zshCompletion(commands: readonly CommandDefinition[]): string {
  const names = commands.map(({ name }) => name)
  return `#compdef tsdl
_tsdl() {
  local command=get
  local -a commands=(
${commands.map(({ name, description }) => `    ${quoteText(`${name}:${description.replaceAll(':', '\\:')}`)}`).join('\n')}
  )
  if ((CURRENT == 2)) && [[ $words[2] != -* ]]; then
    _describe command commands
    _files
    return
  fi
  case $words[2] in
    ${names.join('|')})
      command=$words[2]
      shift words
      ((CURRENT--))
      ;;
  esac
  case $command in
${commands.map(formatCommand).join('\n')}
  esac
}
if [[ $funcstack[1] == _tsdl ]]; then
  _tsdl "$@"
else
  compdef _tsdl tsdl
fi
`
}

function formatCommand(command: CommandDefinition): string {
  const specs = [
    ...flagsOf(command).flatMap(formatFlag),
    ...(command.isDefault ? ["'--version[output the version number]'"] : []),
  ]
  return `    ${command.name})
      _arguments -s \\
${specs.map(spec => `        ${spec} \\`).join('\n')}
        '*:file:_files'
      ;;`
}

function formatFlag({ long, short, help, list, value, choices, kind }: Flag): string[] {
  const text = help.replace(/[[\]:\\]/g, '\\$&')
  const message = value?.replace(/[<>]/g, '').replaceAll(':', '\\:')
  const action =
    choices.length > 0
      ? `(${choices.join(' ')})`
      : { directory: '_files -/', file: '_files', none: ' ' }[kind]
  const argument = message === undefined ? '' : `:${message}:${action}`
  const names = short ? [short, long] : [long]
  // a flag excludes its other form, unless it may be repeated
  const before = list ? '*' : names.length > 1 ? `(${names.join(' ')})` : ''
  return names.map(name => quoteText(`${before}${name}[${text}]${argument}`))
}
