/**
 * Reports words that our language rules exclude (CONTRIBUTING.md, "Language") in the sources, the documentation and the
 * titles of tests, as `file:line: word`. `npm run lint` runs it.
 */
import { readdirSync, readFileSync } from 'node:fs'

/** Write peer, tracker, reader, caller or node instead. */
const EXCLUDED_WORDS = /\b(?:who|whom|whose|whoever|somebody|nobody|anybody|everybody)\b/gi

/** Path prefixes of tests with checked titles. Add a prefix when its titles are rewritten. */
const CONVERTED_TESTS = [
  ...['test/cli/', 'test/codec/', 'test/dht/', 'test/discovery/', 'test/docs', 'test/fuzz/', 'test/hashing/'],
  ...['test/metainfo/', 'test/ports/', 'test/server/', 'test/types/'],
]

/** The title of a test, on the line of the call or on a line of its own. */
const TITLE = /\btest\((['"`].*)$|^  (['"`].*['"`],)$/

function listFiles(directory, extension) {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith(extension))
    .map(name => `${directory}/${name.replaceAll('\\', '/')}`)
}

function findExcludedWords(file) {
  return readFileSync(file, 'utf8')
    .split('\n')
    .flatMap((line, index) => [...line.matchAll(EXCLUDED_WORDS)].map(([word]) => `${file}:${index + 1}: ${word}`))
}

/** Finds excluded words in the titles of a test file, and titles that begin with the number of a case, such as `T40:`. */
function findExcludedTitles(file) {
  return readFileSync(file, 'utf8')
    .split('\n')
    .flatMap((line, index) => {
      const [, called, alone] = TITLE.exec(line) ?? []
      const title = called ?? alone ?? ''
      const words = [...title.matchAll(EXCLUDED_WORDS)].map(([word]) => word)
      const number = /^['"`]([A-Z]\d+)[:,]/.exec(title)
      return [...words, ...(number ? [number[1]] : [])].map(found => `${file}:${index + 1}: ${found}`)
    })
}

const tests = listFiles('test', '.test.ts').filter(file => CONVERTED_TESTS.some(prefix => file.startsWith(prefix)))
const files = ['README.md', ...listFiles('docs', '.md'), ...listFiles('src', '.ts')].sort()
const findings = [...files.flatMap(findExcludedWords), ...tests.flatMap(findExcludedTitles)]
for (const finding of findings) console.error(finding)
if (findings.length > 0) process.exitCode = 1
