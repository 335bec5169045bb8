import type { CommandContext } from '../command-definition.ts'
import { EXIT_CODES } from '../exit.ts'
import { printLine } from '../stdout.ts'
import { bashCompletion } from './bash.ts'
import { fishCompletion } from './fish.ts'
import { manPage } from './man-page.ts'
import { zshCompletion } from './zsh.ts'

/** The outputs of `tsdl completion`, by its argument. */
const COMPLETION_FORMATS = {
  bash: bashCompletion,
  zsh: zshCompletion,
  fish: fishCompletion,
  man: manPage,
}

/** Prints the completion script of a shell, or the manual page. Returns the exit code. */
export async function printCompletion(
  shell: keyof typeof COMPLETION_FORMATS,
  { commands }: Pick<CommandContext, 'commands'>,
): Promise<number> {
  await printLine(COMPLETION_FORMATS[shell](commands).trimEnd())
  return EXIT_CODES.ok
}
