/**
 * Reports what our language rules exclude (CONTRIBUTING.md, "Language") as `file:line: text`. `npm run lint` runs it.
 *
 * - In sources, tests and documentation: excluded words, test titles that begin with the number of a case or are too short,
 *   vague names, and constants of one word.
 * - In documentation: long sentences and long cells of tables.
 */
import { readdirSync, readFileSync } from 'node:fs'

/** Write peer, tracker, reader, caller or node instead. */
const EXCLUDED_WORDS = /\b(?:who|whom|whose|whoever|somebody|nobody|anybody|everybody)\b/gi

/** Name the message or the event instead of "is told", and the noun instead of "what is there". */
const VAGUE_WORDS = /\btold\b|\b(?:what|that|which|whatever) (?:is|are|was|were) there\b|\bwhat (?:became|has become) of\b|\b(?:is|are|be|was|were) looked at\b|\blets time\b/gi

/** The start of the description of a boolean: write "True if ..." instead. */
const WHETHER_DOC = /(?:\/\*\*|^\s*\*|@returns|@param \S+(?: -)?) Whether\b|@returns whether\b/g

/** The title of a test, on the line of the call or on a line of its own, that begins with a number such as `T40:`. */
const NUMBERED_TITLE = /(?:\btest\(|^\s+)['"`]([A-Z]\d+)[:,] [a-z]/g

/** The title of a test that is no sentence about a behaviour, such as `the parameters`. */
const SHORT_TITLE = /\b[tT]est\(\s*(['"`][^\s'"`$]+(?: [^\s'"`$]+)?['"`]),/g

/** The name of a variable, function or field that is no noun or verb: name what it has or does, such as `received`. */
const VAGUE_NAME = /\b(?:const|let|function|readonly) (#?(?:about|gone|heard|here|late|least|lied|most|only|owed|said|there|told|usual))\b/g

/** A constant without noun and unit, such as `LIMITS`. `VERSION` is the version of this package. */
const ONE_WORD_CONSTANT = /^(?:export )?const (?!VERSION\b)([A-Z][A-Z0-9]*)\b ?[:=]/g

/** Examples of what not to write: rows of a table, and quotations. */
const QUOTED_EXAMPLE = /^\|.*\|$|"[^"]*"/g

const LANGUAGE_RULES = [
  EXCLUDED_WORDS,
  VAGUE_WORDS,
  WHETHER_DOC,
  NUMBERED_TITLE,
  SHORT_TITLE,
  VAGUE_NAME,
  ONE_WORD_CONSTANT,
]

/** Maximum words of a sentence in documentation. A colon and a semicolon end a part that is read on its own. */
const MAX_SENTENCE_WORDS = 35
/** Maximum characters of a cell of a table. */
const MAX_CELL_LENGTH = 200

const CHECKED_FOLDERS = ['.github', 'bench', 'docs', 'examples', 'fixtures', 'scripts', 'src', 'test']

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

/** Returns the text of a line of Markdown that is prose; undefined for code, headings and tables. */
const proseOf = line => (/^(?: {4}|#|\||<|$)/.test(line) ? undefined : line)

/** Reports long sentences of paragraphs and list items, and long cells of tables. */
function findLongText(file) {
  if (!file.endsWith('.md')) return []
  const findings = []
  const code = readFileSync(file, 'utf8').replace(/```[^]*?```/g, block => block.replace(/.+/g, ''))
  let paragraph = ''
  let start = 0
  for (const [index, line] of `${code}\n`.split('\n').entries()) {
    if (line.startsWith('|'))
      for (const cell of line.split(/(?<!\\)\|/))
        if (cell.trim().length > MAX_CELL_LENGTH) findings.push(`${file}:${index + 1}: a cell of ${cell.trim().length} characters`)
    const prose = proseOf(line)
    const isItem = /^\s*(?:[-*]|\d+\.) /.test(line)
    if (prose === undefined || isItem) {
      for (const sentence of paragraph.split(/(?<=[.:;!?])\)?\s+/)) {
        const { length } = sentence.split(/\s+/).filter(Boolean)
        if (length > MAX_SENTENCE_WORDS) findings.push(`${file}:${start + 1}: a sentence of ${length} words: ${sentence.trim()}`)
      }
      paragraph = ''
    }
    if (prose === undefined) continue
    if (paragraph === '') start = index
    paragraph += `${prose} `
  }
  return findings
}

const files = ['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md', ...CHECKED_FOLDERS.flatMap(listFiles)]
const findings = files.flatMap(file => [...findExcluded(file), ...findLongText(file)])
for (const finding of findings) console.error(finding)
if (findings.length > 0) process.exitCode = 1
