// @ts-check
/** Runs every bench, one after the other: `npm run bench`. The exit code is 1 if a bar is missed. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const benches = [
  ['download.js'],
  ['many-peers.js'],
  ['crowd.js'],
  ['crowds.js'],
  ['many-files.js'],
  ['many-torrents.js'],
  ['startup.js'],
  ['leaks.js', '--seconds', '60'],
  ['daemon-leaks.js', '--seconds', '60'],
  ['remote-control.js'],
  ['serve.js'],
  ['reading.js'],
  ['pipes.js'],
  ['hashing.js'],
  ['encryption.js'],
  ['links.js'],
  ['page.js'],
  ['seek.js'],
  ['first-byte.js'],
  ['formats.js'],
  ['swarm.js'],
  ['swarm.js', '--mixed'],
]

for (const [bench = '', ...args] of benches) {
  console.log(`\n## ${[bench, ...args].join(' ')}\n`)
  const path = fileURLToPath(new URL(bench, import.meta.url))
  const { status } = spawnSync(process.execPath, [path, ...args, ...process.argv.slice(2)], {
    stdio: 'inherit',
  })
  if (status !== 0) process.exitCode = 1
}
