import { type Command, Help } from 'commander'

/** Shown after the options in the help of the program. */
export const HELP_EXAMPLES = `
SOURCE is a .torrent (a path, an http(s) URL, or - for standard input), a magnet link, or an info-hash.

Examples:
  tsdl x.torrent > out              write the file to standard output, verified and in order
  tsdl x.torrent | sha256sum        pipe it
  tsdl x.torrent --tar | tar -xm    pipe all files
  tsdl x.torrent -o downloads       save all files; run it again to resume
  tsdl x.torrent y.torrent -o dir   several torrents at once; -i LIST for a list
  tsdl serve x.torrent              let a player or browser read the files over HTTP

Options can be set in a configuration file and in TSDL_* variables too: tsdl config.

Exit codes: 0 complete, 2 invalid arguments or source, 3 gave up, 4 storage failed,
5 missing or wrong pieces (verify), 130/143 interrupted, 141 the reader of the pipe has closed.`

/** Help that shows the options of the first command as well, because that command runs without its name. */
export class ProgramHelp extends Help {
  override formatHelp(command: Command, helper: Help): string {
    const own = super.formatHelp(command, helper)
    const [main] = command.commands
    return main ? [own, ...this.#formatOptions(main, helper)].join('\n') : own
  }

  #formatOptions(main: Command, helper: Help): string[] {
    const visible = helper.visibleOptions(main).filter(option => option.long !== '--help')
    const width = Math.max(...visible.map(option => helper.optionTerm(option).length))
    const groups = helper.groupItems(
      [...main.options],
      visible,
      ({ helpGroupHeading = 'Options:' }) => helpGroupHeading,
    )
    return Array.from(groups).flatMap(([heading, options]) => {
      const items = options.map(option =>
        helper.formatItem(helper.optionTerm(option), width, helper.optionDescription(option), helper),
      )
      return helper.formatItemList(`${heading.replace(/:$/, '')} (${main.name()}):`, items, helper)
    })
  }
}

/**
 * Returns an error of commander as one line of ours.
 * @param command the name of the command, or undefined for the program
 */
export function formatUsageError(text: string, command?: string): string {
  const message = text
    .trim()
    .replace(/^error: /, '')
    .replace(
      /^command-argument value (.*) is invalid for argument '?(.*?)'?\. Allowed choices are (.*)\.$/,
      '$2: not one of $3: $1',
    )
    .replace(/\.?\s*\(Did you mean (one of )?(.*)\?\)$/, (_, __, names) => `; did you mean ${names}?`)
  return `${message} (see tsdl ${command === undefined ? '' : `${command} `}--help)`
}
