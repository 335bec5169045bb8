// @ts-check
/** Every bench, one after the other: `npm run bench`. Fails when one of them misses a bar. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

for (const bench of ['download.js', 'many-peers.js', 'startup.js']) {
  console.log(`\n## ${bench}\n`)
  const path = fileURLToPath(new URL(bench, import.meta.url))
  const { status } = spawnSync(process.execPath, [path, ...process.argv.slice(2)], { stdio: 'inherit' })
  if (status !== 0) process.exitCode = 1
}
