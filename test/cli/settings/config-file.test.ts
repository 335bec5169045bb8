import t from 'tap'
import { CLI_COMMANDS } from '../../../src/cli/commands.ts'
import type { OptionDefinition } from '../../../src/cli/options/definition.ts'
import { ConfigFile } from '../../../src/cli/settings/config-file.ts'
import { Environment } from '../../../src/cli/settings/environment.ts'
import { InputError } from '../../../src/errors.ts'

const CONFIG_PATH = '/etc/tsdl.toml'
const open = (text: string) => new ConfigFile(CONFIG_PATH, text, CLI_COMMANDS)

function optionOf(command: string, name: string): OptionDefinition {
  const { options } = CLI_COMMANDS.find(definition => definition.name === command)!
  return options.find(option => option.name === name)!
}

t.test('a key at the top applies to all commands, and a key in a table to one', async t => {
  const file = open('up = "2M"\nmax-peers = 7\n\n[seed]\nup = 1000\n')
  t.strictSame(file.find('get', optionOf('get', 'up')), {
    value: 2 << 20,
    written: '2M',
    source: 'file',
    origin: `${CONFIG_PATH}:1`,
  })
  t.strictSame(file.find('seed', optionOf('seed', 'up')), {
    value: 1000,
    written: 1000,
    source: 'file',
    origin: `${CONFIG_PATH}:5`,
  })
  t.match(file.find('seed', optionOf('seed', 'max-peers')), { value: 7, origin: `${CONFIG_PATH}:2` })
  t.equal(file.find('get', optionOf('get', 'down')), undefined)
})

t.test('values are parsed as those of flags', async t => {
  const file = open(
    ['dht = false', 'timeout = "10m"', 'peer = ["127.0.0.1:1", "[::1]:2"]', 'seed-ratio = 1.5'].join('\n'),
  )
  const find = (name: string) => file.find('get', optionOf('get', name))?.value
  t.equal(find('dht'), false)
  t.equal(find('timeout'), 600_000)
  t.strictSame(find('peer'), [
    { host: '127.0.0.1', port: 1 },
    { host: '::1', port: 2 },
  ])
  t.equal(find('seed-ratio'), 1.5)
})

t.test('an invalid file is an error with the file and the line', async t => {
  const rows: [string, string, RegExp][] = [
    ['an unknown key', '# x\n\nmax-peer = 3', /:3: unknown key "max-peer"$/],
    ['an unknown table', 'up = 1\n[bogus]\nup = 1', /:2: unknown key "bogus"$/],
    [
      'an unknown key in a table',
      '[get]\nup = 1\nbogus = 1',
      /:3: unknown key "bogus": tsdl get has no option --bogus/,
    ],
    ['a key of another command', '[verify]\nup = 1', /:2: unknown key "up": tsdl verify/],
    [
      'a key that needs a table',
      'output = "x"',
      /:1: the key "output" belongs in the table of a command: \[get\], \[serve\]/,
    ],
    ['a table that is a value', 'get = 1', /:1: expected a table of options of tsdl get/],
    ['a value that is a table', '[up]\nx = 1', /:1: up: expected a number, or a string with a unit/],
    ['a string for a boolean', 'dht = "no"', /:1: dht: expected true or false, got /],
    ['a string for a number', 'max-peers = "3"', /:1: max-peers: expected a number/],
    ['a number for a string', 'encryption = 3', /:1: encryption: expected a string/],
    ['a string for a list', '\npeer = "127.0.0.1:1"', /:2: peer: expected an array of strings/],
    ['a list of numbers', 'peer = [\n 1,\n 2\n]', /:1: peer: expected an array of strings/],
    [
      'a number out of range',
      'port = 70000',
      /:1: port: not a port or a range of ports from 1 to 65535: "70000"/,
    ],
    ['a number that is not finite', 'up = inf', /:1: up: not a size: "Infinity"/],
    [
      'a value that is no choice',
      'encryption = "maybe"',
      /:1: encryption: not one of prefer, require, off: "maybe"/,
    ],
    ['an invalid quantity', '\n\n[get]\ntimeout = "soon"', /:4: timeout: not a duration: "soon"/],
    ['a key twice', 'up = 1\nup = 2', /:2:\d+: not valid TOML: /],
    ['no TOML', 'up: 1', /:1:\d+: not valid TOML: /],
    ['__proto__', '__proto__ = 1', /:1: unknown key "__proto__"/],
    ['constructor', '[get]\nconstructor = 1', /:2: unknown key "constructor"/],
  ]
  for (const [title, text, expected] of rows) {
    try {
      open(text)
      t.fail(title)
    } catch (error) {
      t.ok(error instanceof InputError, title)
      t.ok((error as Error).message.startsWith(CONFIG_PATH), title)
      t.match((error as Error).message, expected, title)
    }
  }
})

t.test('an error has the line of its key, also after values of several lines', async t => {
  const file = open(
    'peer = [ # two\n  "127.0.0.1:1",\n\n  "127.0.0.1:2",\n]\n\n# a comment\nbind = "::1"\nserve.http = "1"\n',
  )
  t.equal(file.find('get', optionOf('get', 'peer'))?.origin, `${CONFIG_PATH}:1`)
  t.equal(file.find('get', optionOf('get', 'bind'))?.origin, `${CONFIG_PATH}:8`)
  t.equal(file.find('serve', optionOf('serve', 'http'))?.origin, `${CONFIG_PATH}:9`)
})

t.test('an invalid token is not shown', async t => {
  for (const text of ['token = 12345', 'token = ["12345"]', 'token = "12345\\n6"']) {
    t.throws(() => open(text), { message: /:1: token: (?!.*12345)/ })
  }
})

t.test('trackers are a list, or false for none', async t => {
  const tracker = CLI_COMMANDS[0]!.options.find(({ name }) => name === 'tracker')!
  t.equal(open('tracker = false').find('get', tracker)?.value, false)
  t.strictSame(open('tracker = ["udp://x:1"]').find('get', tracker)?.value, ['udp://x:1'])
  t.throws(() => open('tracker = true'), { message: /an array of strings, or false/ })
  t.equal(new Environment({ TSDL_TRACKER: 'off' }).find('get', tracker)?.value, false)
})

t.test('every option of every command can be set', async t => {
  const sample = ({ type, list, choices, name }: OptionDefinition): string => {
    const texts: Record<string, string> = {
      ...{ bind: '::1', range: '0-1', http: '127.0.0.1:1', peer: '127.0.0.1:1', 'dht-node': '127.0.0.1:1' },
      ...{ 'web-seed': 'http://127.0.0.1/x', tracker: 'udp://127.0.0.1:1' },
      ...{ checksum: `sha256:${'0'.repeat(64)}`, header: 'A: b' },
    }
    const value = type === 'boolean' ? true : type === 'text' ? (choices?.[0] ?? texts[name] ?? 'x') : 2
    return JSON.stringify(list ? [value] : value)
  }
  const text = CLI_COMMANDS.map(
    ({ name, options }) =>
      `[${name}]\n${options.map(option => `${option.name} = ${sample(option)}\n`).join('')}`,
  ).join('\n')
  const file = open(text)
  for (const { name, options } of CLI_COMMANDS)
    for (const option of options) t.equal(file.find(name, option)?.source, 'file', `${name} ${option.name}`)
})
