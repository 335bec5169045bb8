import { type ChildProcess, spawn } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { tsdl } from '../helpers/cli.ts'
import { makeTorrent } from '../helpers/metainfo.ts'
import { inProject } from '../helpers/project.ts'

const MiB = 1 << 20
const CLI_PATH = inProject('dist/cli.js')

/** Shares a file at 600 KiB per second. Returns the address, and the number of sent bytes. */
async function slowSeed(t: Test, dir: string, torrent: string, content: string) {
  const args = [
    CLI_PATH,
    'seed',
    torrent,
    content,
    '--bind',
    '127.0.0.1',
    '--up',
    '600K',
    '--json',
    '--no-dht',
    '--no-lsd',
  ]
  const child = spawn(process.execPath, args, {
    env: { PATH: process.env.PATH, XDG_STATE_HOME: join(dir, 'seed-state') },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  t.teardown(() => child.kill('SIGKILL'))
  let text = ''
  const wait = (done: () => boolean) =>
    new Promise<void>(resolve => {
      const look = () => {
        if (!done()) return
        child.stderr.off('data', look)
        resolve()
      }
      child.stderr.on('data', look)
      look()
    })
  child.stderr.on('data', chunk => {
    text += chunk
  })
  const address = () => /"event":"listening".*?"address":"([^"]+)"/.exec(text)?.[1]
  await wait(() => address() !== undefined)
  return {
    address: address()!,
    /** Returns the bytes of blocks in the next report. */
    async uploaded() {
      const { length } = text
      await wait(() => text.slice(length).split('"event":"progress"').length > 2)
      return Number(
        text
          .match(/"uploaded":\d+/g)!
          .at(-1)!
          .split(':')[1],
      )
    },
  }
}

t.test('a piece of 1 MiB from a slow seed, interrupted three times: nothing is fetched twice', async t => {
  const made = makeTorrent({ files: [{ path: 'slow.bin', length: 8 * MiB }], pieceLength: MiB })
  const dir = t.testdir()
  const torrent = join(dir, 'x.torrent')
  const content = join(dir, 'slow.bin')
  await writeFile(torrent, Buffer.concat([Buffer.from('d4:info'), made.info, Buffer.from('e')]))
  await writeFile(content, made.content)
  const seed = await slowSeed(t, dir, torrent, content)
  const out = join(dir, 'out')
  const args = [torrent, '-o', out, '--peer', seed.address, '--no-listen', '--json']
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGINT'] as const) {
    let child: ChildProcess | undefined
    const before = await seed.uploaded()
    const running = tsdl(args, {
      started: process => {
        child = process
      },
    })
    while ((await seed.uploaded()) - before < MiB / 4);
    child!.kill(signal)
    t.equal((await running).code, signal === 'SIGINT' ? 130 : 143)
  }
  const { code, stderr } = await tsdl(args)
  t.equal(code, 0, stderr)
  t.ok((await readFile(join(out, 'slow.bin'))).equals(made.content))
  const wasted = (await seed.uploaded()) - made.content.length
  t.ok(wasted < MiB / 2, `${wasted} bytes were given twice`)
})
