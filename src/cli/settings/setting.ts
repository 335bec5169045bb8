import { InputError, messageOf } from '../../errors.ts'
import type { OptionDefinition } from '../options/definition.ts'

/** A value of an option, and where it came from. */
export interface Setting {
  /** The value as the command uses it. */
  readonly value: unknown
  /** The value as it was written. */
  readonly written: unknown
  readonly source: 'environment' | 'file'
  /** A variable, or `FILE:LINE`. */
  readonly origin: string
}

/** A source of settings with a precedence of its own. */
export interface SettingSource {
  /** Returns the value of an option of a command. @throws InputError that names the origin if it is invalid */
  find(command: string, definition: OptionDefinition): Setting | undefined
}

/**
 * Parses a written value as the flag does. The parts of a list are parsed one by one.
 * @throws InputError that begins with `origin`
 */
export function parseSetting(
  { parse = text => text, choices, list, secret }: OptionDefinition,
  written: string | readonly string[],
  origin: string,
): unknown {
  const parseOne = (text: string) => {
    if (choices && !choices.includes(text)) {
      throw new InputError('ERR_USAGE', `not one of ${choices.join(', ')}: ${JSON.stringify(text)}`)
    }
    return parse(text)
  }
  try {
    return list ? (written as readonly string[]).map(parseOne) : parseOne(written as string)
  } catch (error) {
    throw new InputError('ERR_USAGE', `${origin}: ${messageOf(error)}`, secret ? undefined : error)
  }
}
