import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { closeSync, openSync, read } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { offer, type Ran, type RunOptions, tsdl } from '../helpers/cli.ts'
import { inProject } from '../helpers/project.ts'

const readInto = promisify(read)

/** The reading end of a program's standard output. */
interface Reader {
  /** Resolves with at most `size` bytes; an empty buffer at the end. */
  read(bytes: number): Promise<Buffer>
  /** Closes the pipe without reading further. */
  leave(): void
}

interface Piped {
  readonly ran: Promise<Ran>
  readonly reader: Reader
}

let fifos = 0

/** Runs tsdl with a pipe as standard output, and with `stderrToo` also as standard error. */
function throughPipe(t: Test, args: string[], options: RunOptions = {}, stderrToo = false): Piped {
  const path = join(t.testdirName, `fifo${++fifos}`)
  spawnSync('mkfifo', [path])
  const both = openSync(path, 'r+') // otherwise each open would wait for the other
  const [reading, writing] = [openSync(path, 'r'), openSync(path, 'w')]
  closeSync(both)
  const ran = tsdl(args, { ...options, stdout: writing, ...(stderrToo ? { stderr: writing } : {}) })
  closeSync(writing)
  const reader = {
    async read(bytes: number) {
      const buffer = Buffer.allocUnsafe(bytes)
      const { bytesRead } = await readInto(reading, buffer, 0, bytes, null)
      return buffer.subarray(0, bytesRead)
    },
    leave: () => closeSync(reading),
  }
  return { ran, reader }
}

/** Runs tsdl with a socket as standard output. */
function throughSocket(_: Test, args: string[], options: RunOptions = {}): Piped {
  let child: ChildProcess | undefined
  const ran = tsdl(args, {
    ...options,
    stdout: 'unread',
    started: process => {
      child = process
      options.started?.(process)
    },
  })
  const stdout = child!.stdout!
  const reader = {
    async read(bytes: number): Promise<Buffer> {
      for (;;) {
        const chunk = stdout.read(Math.min(bytes, stdout.readableLength || bytes))
        if (chunk) return chunk
        if (stdout.readableEnded) return Buffer.alloc(0)
        await new Promise<void>(resolve => {
          const wake = () => {
            stdout.off('readable', wake).off('end', wake)
            resolve()
          }
          stdout.on('readable', wake).on('end', wake)
        })
      }
    },
    leave: () => stdout.destroy(),
  }
  return { ran, reader }
}

const WAYS_TO_READ = { pipe: throughPipe, socket: throughSocket }

/** Reads to the end, in odd sizes. Returns the SHA-1. */
async function digestOf(reader: Reader): Promise<string> {
  const hash = createHash('sha1')
  for (let size = 1; ; size = (size * 7 + 13) % 99_991) {
    const chunk = await reader.read(size + 1)
    if (chunk.length === 0) return hash.digest('hex')
    hash.update(chunk)
  }
}

const sha1 = (bytes: Uint8Array) => createHash('sha1').update(bytes).digest('hex')

for (const [way, run] of Object.entries(WAYS_TO_READ)) {
  t.test(`a ${way}: a reader that takes bytes in odd sizes gets all of them`, async t => {
    const { path, bytes } = await offer(t, { files: { '': 12_345_678 } })
    const { ran, reader } = run(t, [path, '-q'])
    t.equal(await digestOf(reader), sha1(bytes))
    reader.leave()
    t.match(await ran, { code: 0, stderr: '' })
  })

  t.test(`a ${way}: bytes outside of shared memory are written too`, async t => {
    const files = { a: 3_000_000, 'dir/b': 0, c: 70_001 }
    const { path } = await offer(t, { files })
    const { stdout } = await tsdl([path, '--tar', '-q'])
    const { ran, reader } = run(t, [path, '--tar', '-q'])
    t.equal(await digestOf(reader), sha1(stdout))
    reader.leave()
    t.match(await ran, { code: 0 })
  })

  t.test(`a ${way}: signals end it while the reader reads nothing`, async t => {
    const { path } = await offer(t, { files: { '': 12_000_000 } })
    for (const [signal, code] of [
      ['SIGINT', 130],
      ['SIGTERM', 143],
    ] as const) {
      const { ran, reader } = run(t, [path, '--memory', '4M', '--json'], {
        started: child => {
          createInterface({ input: child.stderr! }).on('line', line => {
            const { event, limit } = JSON.parse(line)
            if (event === 'progress' && limit === 'reader') child.kill(signal)
          })
        },
      })
      t.match(await ran, { code })
      reader.leave()
    }
  })

  t.test(`a ${way}: when its reader closes it, the exit code is 141 and nothing is printed`, async t => {
    const { path } = await offer(t, { files: { '': 12_000_000 } })
    const { ran, reader } = run(t, [path])
    await reader.read(1000)
    reader.leave()
    t.match(await ran, { code: 141, stderr: '' })
  })
}

t.test('one pipe for both outputs gets every byte, and then the digest', async t => {
  const { path, bytes } = await offer(t, { files: { '': 3_000_000 } })
  const { ran, reader } = throughPipe(t, [path, '-q', '--digest', 'sha256'], {}, true)
  const digest = createHash('sha256').update(bytes).digest('hex')
  t.equal(await digestOf(reader), sha1(Buffer.concat([bytes, Buffer.from(`${digest}  content.bin\n`)])))
  reader.leave()
  t.match(await ran, { code: 0 })
})

t.test('a device as standard output is written to', async t => {
  const { path } = await offer(t)
  const device = openSync('/dev/null', 'w')
  t.match(await tsdl([path, '-q'], { stdout: device }), { code: 0, stderr: '' })
  closeSync(device)
})

/**
 * Runs a program with a terminal as standard output, from which nothing is read. Ends with the exit code of the
 * program.
 */
const IN_TERMINAL = `
import os, pty, signal, subprocess, sys
reading, writing = pty.openpty()
signal.signal(signal.SIGTERM, signal.SIG_IGN)
sys.exit(subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=writing).wait())
`
const noTerminal = spawnSync('python3', ['-c', 'import pty']).status !== 0 && 'no python3 to make one'

t.test('a signal ends a download to a terminal that has stopped', { skip: noTerminal }, async t => {
  const { path, peer } = await offer(t, { files: { '': 12_000_000 } })
  const cli = inProject('dist/cli.js')
  const args = [cli, path, '-o', '-', '--peer', peer, '--no-dht', '--no-lsd', '--memory', '4M', '--json']
  const child = spawn('python3', ['-c', IN_TERMINAL, process.execPath, ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
  })
  createInterface({ input: child.stderr! }).on('line', line => {
    const { event, limit } = JSON.parse(line)
    if (event === 'progress' && limit === 'reader') process.kill(-child.pid!, 'SIGTERM')
  })
  t.equal(await new Promise(resolve => child.on('close', resolve)), 143)
})
