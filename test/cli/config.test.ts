import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { offer, tsdl } from '../helpers/cli.ts'

t.test('tsdl config prints values with their sources; secrets are hidden', async t => {
  const dir = t.testdir({ 'c.toml': 'max-peers = 7\ntoken = "sesame"\n\n[get]\noutput = "d"\n' })
  const TSDL_CONFIG = join(dir, 'c.toml')
  const env = { TSDL_CONFIG, TSDL_UP: '2M', TSDL_MAX_PERS: '3', TSDL_SERVE_UP: '1M' }
  const [text, json] = await Promise.all([tsdl(['config'], { env }), tsdl(['config', '--json'], { env })])
  t.equal(text.code, 0, text.stderr)
  const lines = text.stdout.toString().split('\n')
  t.equal(lines[0], `# ${TSDL_CONFIG}`)
  t.ok(lines.includes('# TSDL_MAX_PERS is not the variable of an option'))
  t.ok(lines.some(line => /^max-peers = 7 +# .*c\.toml:1$/.test(line)))
  t.ok(lines.some(line => /^up = "2M" +# TSDL_UP$/.test(line)))
  t.ok(lines.some(line => /^# encryption \(default: prefer\)$/.test(line)))
  t.notMatch(text.stdout.toString(), /sesame/)
  const { file, options, unknownVariables } = JSON.parse(json.stdout.toString())
  t.equal(file, TSDL_CONFIG)
  t.strictSame(unknownVariables, ['TSDL_MAX_PERS'])
  const find = (command: string | null, name: string) =>
    options.find(
      (entry: { command: string | null; name: string }) => entry.command === command && entry.name === name,
    )
  t.match(find(null, 'token'), { value: '***', source: 'file', origin: `${TSDL_CONFIG}:2` })
  t.match(find('get', 'output'), { value: 'd', source: 'file', origin: `${TSDL_CONFIG}:5` })
  t.match(find('serve', 'up'), { value: '1M', source: 'environment', origin: 'TSDL_SERVE_UP' })
  t.equal(find('get', 'up'), undefined)
  t.match(find(null, 'dht'), { value: null, source: 'default', origin: 'true' })
  t.notMatch(json.stdout.toString(), /sesame/)
})

t.test('the output of tsdl config is a valid configuration file', async t => {
  const dir = t.testdir({ 'c.toml': 'peer = ["127.0.0.1:1"]\ndht = false\n[seed]\nup = 3' })
  const first = await tsdl(['config'], { env: { TSDL_CONFIG: join(dir, 'c.toml') } })
  writeFileSync(join(dir, 'd.toml'), first.stdout)
  const second = await tsdl(['config', '--json'], { env: { TSDL_CONFIG: join(dir, 'd.toml') } })
  t.equal(second.code, 0, second.stderr)
  const set = JSON.parse(second.stdout.toString()).options.filter(
    ({ source }: { source: string }) => source === 'file',
  )
  t.strictSame(
    set.map(({ command, name, value }: Record<string, unknown>) => [command, name, value]),
    [
      [null, 'peer', ['127.0.0.1:1']],
      [null, 'dht', false],
      ['seed', 'up', 3],
    ],
  )
})

t.test('a download uses the configuration file, and a flag precedes it', async t => {
  const made = await offer(t)
  const dir = join(t.testdirName, 'home')
  mkdirSync(join(dir, 'tsdl'), { recursive: true })
  writeFileSync(join(dir, 'tsdl', 'config.toml'), '[get]\noutput = "saved"\n')
  const env = { XDG_CONFIG_HOME: dir }
  const saved = await tsdl([made.path], { cwd: dir, env })
  t.equal(saved.code, 0, saved.stderr)
  t.equal(saved.stdout.length, 0)
  const piped = await tsdl([made.path, '-o', '-'], { cwd: dir, env })
  t.ok(piped.stdout.equals(made.bytes))
})

t.test(
  'an invalid configuration file ends every command with exit code 2, and so does a missing file that was named',
  async t => {
    const dir = t.testdir({ 'bad.toml': '\nup = "fast"\n', 'long.toml': '#'.repeat(70_000) })
    const run = (TSDL_CONFIG: string) => tsdl(['config'], { env: { TSDL_CONFIG } })
    const [bad, none, long, off] = await Promise.all([
      run(join(dir, 'bad.toml')),
      run(join(dir, 'none.toml')),
      run(join(dir, 'long.toml')),
      run(''),
    ])
    t.match(bad, { code: 2, stderr: /^tsdl: .*bad\.toml:2: up: not a size: "fast"/ })
    t.match(none, { code: 2, stderr: /^tsdl: cannot read the configuration .*none\.toml.*no such file/ })
    t.match(long, { code: 2, stderr: /is longer than 65536 bytes/ })
    t.equal(off.code, 0)
  },
)
