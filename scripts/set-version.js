/**
 * Carries the version of package.json into src/version.ts and dates the changelog's section "Unreleased".
 * `npm version` runs it: see CONTRIBUTING.md, "Releasing".
 */
import { readFileSync, writeFileSync } from 'node:fs'

const { version } = JSON.parse(readFileSync('package.json', 'utf8'))
const source = readFileSync('src/version.ts', 'utf8')
writeFileSync('src/version.ts', source.replace(/'[^']+'/, `'${version}'`))

const today = new Date().toISOString().slice(0, 10)
const changelog = readFileSync('CHANGELOG.md', 'utf8')
if (!/^## Unreleased$/m.test(changelog)) throw new Error('CHANGELOG.md has no section "## Unreleased"')
writeFileSync('CHANGELOG.md', changelog.replace(/^## Unreleased$/m, `## ${version} (${today})`))
