/** Matches texts that need no quotes in a shell. */
const PLAIN_WORD = /^[\w@%+=:,./-]+$/

/** Returns the command of this process, as it is written in a shell. */
export function commandLine(args: readonly string[] = process.argv.slice(2)): string {
  return ['tsdl', ...args.map(quoteForShell)].join(' ')
}

function quoteForShell(text: string): string {
  return PLAIN_WORD.test(text) ? text : quoteText(text)
}

/** Returns a text in single quotes, as POSIX shells and zsh read it. */
export function quoteText(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}
