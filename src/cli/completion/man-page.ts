import type { CommandDefinition } from '../command-definition.ts'
import { HELP_EXAMPLES } from '../help.ts'
import { type Flag, flagsOf } from './flags.ts'

/** Returns the manual page of tsdl in the macros of man(7). */
export function manPage(commands: readonly CommandDefinition[]): string {
  const main = commands.find(({ isDefault }) => isDefault)!
  const common = new Map(flagsOf(main).map(flag => [flag.long, flag.help]))
  const lines = [
    '.TH TSDL 1 "" tsdl "User Commands"',
    '.SH NAME',
    'tsdl \\- download torrents as streams',
    '.SH SYNOPSIS',
    ...commands.flatMap((command, at) => [...(at > 0 ? ['.br'] : []), `.B ${roff(synopsisOf(command))}`]),
    '.SH DESCRIPTION',
    'A BitTorrent client that treats a torrent as a stream.',
    'A command without a name is',
    '.BR get .',
    'Options can also be set in a configuration file and in the environment:',
    '.BR "tsdl config" .',
    ...commands.flatMap(command => formatCommand(command, command === main ? new Map() : common)),
    '.SH SOURCES AND EXAMPLES',
    '.nf',
    ...HELP_EXAMPLES.trim().split('\n').map(roff),
    '.fi',
  ]
  return `${lines.join('\n')}\n`
}

function synopsisOf({ isDefault, name, arguments: args }: CommandDefinition): string {
  const names = args.map(({ name }) => name.replace(/[<>]/g, '').replace('...', ' ...'))
  return ['tsdl', isDefault ? `[${name}]` : name, '[options]', ...names].join(' ')
}

/** @param known the help of flags that were described before, by name */
function formatCommand(command: CommandDefinition, known: ReadonlyMap<string, string>): string[] {
  const flags = flagsOf(command)
  const isKnown = ({ long, help }: Flag) => known.get(long) === help
  const shared = flags.filter(isKnown).map(({ long }) => long)
  return [
    `.SH "TSDL ${command.name.toUpperCase()}"`,
    roff(`${command.description[0]!.toUpperCase()}${command.description.slice(1)}.`),
    ...command.arguments.flatMap(({ name, help }) => [
      '.TP',
      `.B ${roff(name.replace(/[<>[\].]/g, ''))}`,
      roff(help),
    ]),
    ...flags.filter(flag => !isKnown(flag)).flatMap(formatFlag),
    ...(shared.length > 0 ? ['.PP', 'As for', '.BR get :', `${roff(shared.join(', '))}.`] : []),
  ]
}

function formatFlag({ long, short, value, help, choices }: Flag): string[] {
  const names = [...(short ? [short] : []), long].map(name => `\\fB${roff(name)}\\fR`).join(', ')
  const shown = value === undefined ? '' : ` \\fI${roff(value.replace(/[<>]/g, ''))}\\fR`
  const valid = choices.length > 0 ? ` (${choices.join(', ')})` : ''
  return ['.TP', `${names}${shown}`, roff(`${help}${valid}`)]
}

/** Escapes characters that roff gives a meaning: backslashes, hyphens, and dots and quotes at the start of a line. */
function roff(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^(?=[.'])/, '\\&')
}
