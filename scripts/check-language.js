/**
 * Reports words that our language rules exclude (CONTRIBUTING.md, "Language") in sources, tests and documentation, and
 * test titles that begin with the number of a case, and constants of one word, as `file:line: word`. `npm run lint` runs it.
 */
import { readdirSync, readFileSync } from 'node:fs'

/** Write peer, tracker, reader, caller or node instead. */
const EXCLUDED_WORDS = /\b(?:who|whom|whose|whoever|somebody|nobody|anybody|everybody)\b/gi

/** The start of the description of a boolean: write "True if ..." instead. */
const WHETHER_DOC = /(?:\/\*\*|^\s*\*|@returns|@param \S+(?: -)?) Whether\b|@returns whether\b/g

/** The title of a test, on the line of the call or on a line of its own, that begins with a number such as `T40:`. */
const NUMBERED_TITLE = /(?:\btest\(|^\s+)['"`]([A-Z]\d+)[:,] [a-z]/g

/** A constant without noun and unit, such as `LIMITS`. `VERSION` is the version of this package. */
const ONE_WORD_CONSTANT = /^(?:export )?const (?!VERSION\b)([A-Z][A-Z0-9]*)\b ?[:=]/g

/** Examples of what not to write: rows of a table, and quotations. */
const QUOTED_EXAMPLE = /^\|.*\|$|"[^"]*"/g

const LANGUAGE_RULES = [EXCLUDED_WORDS, WHETHER_DOC, NUMBERED_TITLE, ONE_WORD_CONSTANT]

const CHECKED_FOLDERS = ['.github', 'bench', 'docs', 'examples', 'scripts', 'src', 'test']

/** These contain the excluded words because they name them. */
const EXCEPTED_FILES = ['scripts/check-language.js']

function listFiles(folder) {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter(name => /\.(?:[cm]?js|tsx?|md|ya?ml|py|html|css|1)$/.test(name))
    .map(name => `${folder}/${name.replaceAll('\\', '/')}`)
    .filter(file => !file.includes('/node_modules/') && !EXCEPTED_FILES.includes(file))
}

function findExcluded(file) {
  const text = readFileSync(file, 'utf8')
  const lines = text.split('\n').map(line => (file === 'CONTRIBUTING.md' ? line.replace(QUOTED_EXAMPLE, '') : line))
  return lines.flatMap((line, index) =>
    LANGUAGE_RULES.flatMap(rule => [...line.matchAll(rule)]).map(match => `${file}:${index + 1}: ${match[1] ?? match[0]}`),
  )
}

const files = ['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md', ...CHECKED_FOLDERS.flatMap(listFiles)]
const findings = files.flatMap(findExcluded)
for (const finding of findings) console.error(finding)
if (findings.length > 0) process.exitCode = 1
