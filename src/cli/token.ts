import { readFileSync } from 'node:fs'
import { quote } from '../codec/index.ts'
import { InputError, messageOf } from '../errors.ts'

/** Options that name the token of the HTTP server. */
export interface TokenOptions {
  /** The token. */
  readonly token?: string
  /** A file with the token as its only line. */
  readonly tokenFile?: string
}

/** Maximum number of characters of a token. Browsers and servers limit the length of URLs, which carry it. */
const MAX_TOKEN_LENGTH = 1024

/**
 * Returns the token that HTTP requests must carry, or reads it from the file.
 * @throws InputError ERR_USAGE if the file cannot be read or has no valid token
 */
export function findToken({ token, tokenFile }: TokenOptions): string | undefined {
  if (token !== undefined || tokenFile === undefined) return token
  return checkToken(readToken(tokenFile), `--token-file ${quote(tokenFile)}: `)
}

/** Options that name the user and the password of the HTTP server. */
export interface PasswordOptions {
  readonly user?: string
  /** The password. */
  readonly password?: string
  /** A file with the password as its only line. */
  readonly passwordFile?: string
}

/**
 * Returns the password that HTTP requests must carry, or reads it from the file.
 * @throws InputError ERR_USAGE if the file cannot be read or has no valid password
 */
export function findPassword({ password, passwordFile, user }: PasswordOptions): string | undefined {
  const found =
    password !== undefined || passwordFile === undefined
      ? password
      : checkToken(readToken(passwordFile), `--password-file ${quote(passwordFile)}: `)
  if (user === undefined || found !== undefined) return found
  throw new InputError(
    'ERR_USAGE',
    '--user needs a password: --password-file, TSDL_DAEMON_PASSWORD or --password',
  )
}

/**
 * Checks a token, and hides it from the list of processes.
 * @throws InputError ERR_USAGE if it is empty, too long or not one line
 */
export function parseToken(text: string): string {
  hideToken(checkToken(text))
  return text
}

/**
 * Overwrites the token in the arguments that other users see in the list of processes. It is visible there until the
 * program runs, and on Windows always.
 */
function hideToken(token: string): void {
  if (process.platform === 'win32') return
  const shown = process.argv.slice(2).map(argument => {
    if (argument === token) return '***'
    return /^--(token|password)=/.test(argument) && argument.endsWith(`=${token}`)
      ? argument.replace(/=.*/s, '=***')
      : argument
  })
  process.title = ['tsdl', ...shown].join(' ')
}

function readToken(path: string): string {
  try {
    return readFileSync(path, 'utf8').replace(/\r?\n$/, '')
  } catch (error) {
    throw new InputError('ERR_USAGE', `cannot read the token from ${quote(path)}: ${messageOf(error)}`, error)
  }
}

function checkToken(token: string, source = ''): string {
  if (token === '') throw new InputError('ERR_USAGE', `${source}the token is empty`)
  if (/[\r\n]/.test(token)) throw new InputError('ERR_USAGE', `${source}the token has several lines`)
  if (token.length <= MAX_TOKEN_LENGTH) return token
  throw new InputError(
    'ERR_USAGE',
    `${source}the token has ${token.length} characters, more than ${MAX_TOKEN_LENGTH}`,
  )
}
