import type { ChildProcess } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { offer, type PeerPieces, type Ran, tsdl } from '../helpers/cli.ts'

interface Serving {
  /** The URL in the event `serving`. */
  readonly url: string
  readonly child: ChildProcess
  readonly ended: Promise<Ran>
}

/** Runs `tsdl serve --json` until the test ends; resolves once it serves. */
function serving(t: Test, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Serving> {
  return new Promise((resolve, reject) => {
    let child: ChildProcess | undefined
    t.teardown(() => child?.kill('SIGKILL'))
    const where = ['--http', '127.0.0.1:0', '--bind', '127.0.0.1']
    const ended = tsdl(['serve', ...args, ...(args.includes('--http') ? where.slice(2) : where), '--json'], {
      env,
      started: process => {
        child = process
        let text = ''
        process.stderr!.on('data', chunk => {
          text += chunk
          const url = /"event":"serving".*"url":"([^"]+)"/.exec(text)?.[1]
          if (url) resolve({ url, child: process, ended })
        })
      },
    })
    ended.then(({ code, stderr }) => reject(new Error(`ended with ${code}: ${stderr}`)))
  })
}

const fileUrl = (url: string, { metainfo }: PeerPieces, index = 0) =>
  new URL(`/${metainfo.infoHash.toString('hex')}/${metainfo.files[index]!.path}`, url)
const body = async (response: Response) => Buffer.from(await response.arrayBuffer())

t.test(
  'serve answers requests for whole files, HEAD and ranges of two torrents, and SIGINT ends it with 130',
  async t => {
    const made = [
      await offer(t, { name: 'one.bin' }),
      await offer(t, { name: 'many', files: { 'a.txt': 5000, 'b.bin': 70_000 } }),
    ]
    const { url, child, ended } = await serving(
      t,
      made.map(({ path }) => path),
    )
    const { torrents } = (await (await fetch(new URL('?json', url))).json()) as {
      torrents: { name: string }[]
    }
    t.strictSame(
      torrents.map(({ name }) => name),
      ['one.bin', 'many'],
    )
    for (const [at, index] of [
      [0, 0],
      [1, 1],
    ] as const) {
      const response = await fetch(fileUrl(url, made[at]!, index))
      t.equal(response.status, 200)
      t.ok((await body(response)).equals(made[at]!.file(index)))
    }
    const head = await fetch(fileUrl(url, made[0]!), { method: 'HEAD' })
    t.strictSame([head.headers.get('content-length'), head.headers.get('accept-ranges')], ['300000', 'bytes'])
    const part = await fetch(fileUrl(url, made[0]!), { headers: { Range: 'bytes=200000-200099' } })
    t.strictSame([part.status, part.headers.get('content-range')], [206, 'bytes 200000-200099/300000'])
    t.ok((await body(part)).equals(made[0]!.bytes.subarray(200_000, 200_100)))
    t.equal((await fetch(new URL('/none', url))).status, 404)
    child.kill('SIGINT')
    t.match(await ended, { code: 130, stdout: Buffer.alloc(0) })
  },
)

t.test('only what a reader requests is downloaded; with -o it stays in the directory', async t => {
  const made = await offer(t, { name: 'kept.bin' })
  const dir = join(t.testdirName, 'kept')
  const { url, child, ended } = await serving(t, [made.path, '-o', dir])
  await (await fetch(fileUrl(url, made), { headers: { Range: 'bytes=0-99' } })).arrayBuffer()
  t.equal((await tsdl(['verify', made.path, dir, '-q'])).code, 5, 'not all of it')
  t.ok((await body(await fetch(fileUrl(url, made)))).equals(made.bytes))
  child.kill('SIGTERM')
  t.equal((await ended).code, 143)
  t.equal((await tsdl(['verify', made.path, dir, '-q'])).code, 0)
  t.ok(readFileSync(join(dir, 'kept.bin')).equals(made.bytes))
})

t.test('an address that is not loopback needs a token, and then every request needs it', async t => {
  const made = await offer(t)
  const refused = await tsdl(['serve', made.path, '--http', '0.0.0.0:0', '--bind', '127.0.0.1'])
  t.equal(refused.code, 2)
  t.match(
    refused.stderr,
    /other machines can reach 0\.0\.0\.0: serving there needs a token \(--token-file, TSDL_TOKEN or --token\)/,
  )
  const { url, child, ended } = await serving(t, [made.path, '--http', '0.0.0.0:0', '--token', 'sesame'])
  t.match(url, /^http:\/\/127\.0\.0\.1:\d+\/\?token=sesame$/)
  t.equal((await fetch(url)).status, 200)
  const file = fileUrl(url, made)
  t.equal((await fetch(file)).status, 401)
  const known = await fetch(file, { headers: { Authorization: 'Bearer sesame' } })
  t.ok((await body(known)).equals(made.bytes))
  child.kill('SIGINT')
  t.equal((await ended).code, 130)
})

t.test('a token on the command line is removed from the list of processes', async t => {
  const made = await offer(t)
  for (const token of [['--token', 'sesame-one'], ['--token=sesame-one']]) {
    const { url, child } = await serving(t, [made.path, ...token])
    t.match(url, /\?token=sesame-one$/)
    t.equal((await fetch(url)).status, 200)
    if (process.platform === 'linux') {
      const seen = readFileSync(`/proc/${child.pid}/cmdline`, 'latin1')
      t.notMatch(seen, 'sesame')
      t.match(seen, /^tsdl serve .*--token[ =]\*\*\*/)
    }
    child.kill('SIGKILL')
  }
})

t.test('a token comes from a file or the environment as well; an invalid one is rejected', async t => {
  const made = await offer(t)
  const file = join(t.testdirName, 'token')
  writeFileSync(file, 'of-a-file\n')
  t.match((await serving(t, [made.path, '--token-file', file])).url, /\?token=of-a-file$/)
  const env = { TSDL_TOKEN: 'of-the-environment' }
  t.match((await serving(t, [made.path], env)).url, /\?token=of-the-environment$/)
  t.match((await serving(t, [made.path, '--token-file', file], env)).url, /\?token=of-a-file$/)

  writeFileSync(join(t.testdirName, 'lines'), 'a\nb\n')
  writeFileSync(join(t.testdirName, 'empty'), '\n')
  const rows: [args: string[], env: NodeJS.ProcessEnv, message: RegExp][] = [
    [['--token-file', join(t.testdirName, 'none')], {}, /cannot read the token from .*none.*ENOENT/],
    [['--token-file', join(t.testdirName, 'lines')], {}, /lines.*: the token has several lines/],
    [['--token-file', join(t.testdirName, 'empty')], {}, /empty.*: the token is empty/],
    [[], { TSDL_TOKEN: '' }, /TSDL_TOKEN: the token is empty/],
    [['--token', 'x'.repeat(1025)], {}, /--token: the token has 1025 characters, more than 1024/],
    [['--token', 'x', '--token-file', file], {}, /cannot be used with/],
  ]
  for (const [args, env, message] of rows) {
    const { code, stderr } = await tsdl(['serve', made.path, '--http', '0', ...args], { env })
    t.equal(code, 2, `${message}`)
    t.match(stderr, message)
  }
})

t.test('a given port that is in use is an error with exit code 2', async t => {
  const made = await offer(t)
  const { url } = await serving(t, [made.path])
  const { host } = new URL(url)
  const taken = await tsdl(['serve', made.path, '--http', host, '--bind', '127.0.0.1'])
  t.equal(taken.code, 2)
  t.match(taken.stderr, `cannot serve at ${host}`)
})
