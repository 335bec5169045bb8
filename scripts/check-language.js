/**
 * Reports words that our language rules exclude (CONTRIBUTING.md, "What holds") in the sources and the documentation, as
 * `file:line: word`. `npm run lint` runs it.
 */
import { readdirSync, readFileSync } from 'node:fs'

/** Write peer, tracker, reader, caller or node instead. */
const EXCLUDED_WORDS = /\b(?:who|whom|whose|whoever|somebody|nobody|anybody|everybody)\b/gi

/** Path prefixes of the rooms that still use excluded words. Remove a prefix when its room is rewritten. */
const UNCONVERTED_ROOMS = [
  'docs/performance.md',
  'src/pipeline/metadata/',
  'src/pipeline/peer/',
  'src/pipeline/sinks/',
  'src/pipeline/swarm/',
  'src/pipeline/upload/',
  'src/streams/',
]

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

const files = ['README.md', ...listFiles('docs', '.md'), ...listFiles('src', '.ts')].sort()
const isConverted = file => !UNCONVERTED_ROOMS.some(prefix => file.startsWith(prefix))
const findings = files.filter(isConverted).flatMap(findExcludedWords)
for (const finding of findings) console.error(finding)
if (findings.length > 0) process.exitCode = 1
