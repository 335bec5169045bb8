import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

/** Returns Basic credentials for a host from the file that `NETRC` names, or `~/.netrc`, if it has some. */
export function findCredentials(
  host: string,
  path = process.env.NETRC ?? join(homedir(), '.netrc'),
): string | undefined {
  try {
    return credentialsOf(readFileSync(path, 'utf8'), host)
  } catch {
    return undefined // most users have no such file
  }
}

/** Returns Basic credentials for a host from the text of a .netrc: of its `machine`, else of `default`. */
export function credentialsOf(text: string, host: string): string | undefined {
  // a macro reaches to the next blank line
  const words =
    text
      .replace(/(?:^|\n)\s*macdef[\s\S]*?(?:\n\s*\n|$)/g, '\n')
      .replace(/^\s*#.*$/gm, '')
      .match(/\S+/g) ?? []
  let isMatch = false
  let login: string | undefined
  let password: string | undefined
  for (let at = 0; at < words.length; at++) {
    const word = words[at]
    if (word === 'machine' || word === 'default') {
      if (isMatch) break
      isMatch = word === 'default' || words[++at] === host
    } else if (word === 'login' && isMatch) login = words[++at]
    else if (word === 'password' && isMatch) password = words[++at]
    else if (word === 'login' || word === 'password' || word === 'account') at++
  }
  if (login === undefined || password === undefined) return undefined
  return `Basic ${Buffer.from(`${login}:${password}`).toString('base64')}`
}
