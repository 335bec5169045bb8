import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { offer, tsdl } from '../helpers/cli.ts'

const TIMEOUT_MS = 2000

t.test('SIGSTOP for longer than --timeout, then SIGCONT: the download goes on, and ends with 0', async t => {
  const { path, bytes } = await offer(t, { files: { '': 600_000 } })
  const dir = join(t.testdirName, 'out')
  let stopped = false
  const ran = await tsdl([path, '-o', dir, '--down', '150K', '--timeout', `${TIMEOUT_MS}ms`, '--json'], {
    started: child => {
      createInterface({ input: child.stderr! }).on('line', async line => {
        const { event, verified } = JSON.parse(line)
        if (stopped || event !== 'progress' || verified === 0) return
        stopped = true
        child.kill('SIGSTOP')
        await delay(2 * TIMEOUT_MS) // real time, because the process is really stopped
        child.kill('SIGCONT')
      })
    },
  })
  t.ok(stopped, 'it was stopped before it had all')
  t.equal(ran.code, 0, ran.stderr)
  t.ok(readFileSync(join(dir, 'content.bin')).equals(bytes))
})
