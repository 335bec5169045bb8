/** Removes what an earlier build made: the package holds everything in dist. */
import { rmSync } from 'node:fs'

rmSync('dist', { recursive: true, force: true })
