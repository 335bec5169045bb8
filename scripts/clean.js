/** Removes directories that an earlier build made: `node scripts/clean.js dist`. The package holds everything in `dist`. */
import { rmSync } from 'node:fs'

for (const directory of process.argv.slice(2)) rmSync(directory, { recursive: true, force: true })
