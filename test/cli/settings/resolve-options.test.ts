import t from 'tap'
import { CLI_COMMANDS } from '../../../src/cli/commands.ts'
import { ConfigFile } from '../../../src/cli/settings/config-file.ts'
import { Environment } from '../../../src/cli/settings/environment.ts'
import { resolveOptions } from '../../../src/cli/settings/resolve-options.ts'

interface Given {
  readonly command?: string
  readonly flags?: Readonly<Record<string, unknown>>
  readonly variables?: NodeJS.ProcessEnv
  readonly text?: string
}

function resolve({ command = 'get', flags = {}, variables = {}, text = '' }: Given) {
  const { options } = CLI_COMMANDS.find(({ name }) => name === command)!
  const given = { values: { dht: true, ...flags }, isGiven: (attribute: string) => attribute in flags }
  const sources = [new Environment(variables), new ConfigFile('c', text, CLI_COMMANDS)]
  return resolveOptions(command, options, given, sources)
}

t.test('a flag precedes the environment, which precedes the file, which precedes the default', async t => {
  const text = 'up = 1\ndown = 1\nmax-peers = 1\ndht = false'
  const variables = { TSDL_UP: '2', TSDL_DOWN: '2' }
  t.match(resolve({ flags: { up: 3 }, variables, text }), { up: 3, down: 2, maxPeers: 1, dht: false })
  t.equal(resolve({ flags: { dht: true }, text }).dht, true)
  t.equal(resolve({}).dht, true)
})

t.test('within a source, the value for a command precedes the value for all', async t => {
  const variables = { TSDL_UP: '1', TSDL_SEED_UP: '2' }
  t.equal(resolve({ variables }).up, 1)
  t.equal(resolve({ command: 'seed', variables }).up, 2)
  t.equal(resolve({ variables: { TSDL_UP: '1' }, text: '[get]\nup = 9' }).up, 1)
  t.equal(resolve({ text: 'up = 1\n[get]\nup = 9' }).up, 9)
})

t.test('a variable may be a boolean, or a list separated by white space', async t => {
  for (const text of ['0', 'false', 'No', 'off'])
    t.equal(resolve({ variables: { TSDL_DHT: text } }).dht, false)
  for (const text of ['1', 'true', 'Yes', 'on']) t.equal(resolve({ variables: { TSDL_DHT: text } }).dht, true)
  t.strictSame(resolve({ variables: { TSDL_PEER: ' 1.2.3.4:5\n[::1]:6 ' } }).peer, [
    { host: '1.2.3.4', port: 5 },
    { host: '::1', port: 6 },
  ])
  t.throws(() => resolve({ variables: { TSDL_DHT: '' } }), {
    message: 'TSDL_DHT: expected true or false, got ""',
  })
  t.throws(() => resolve({ variables: { TSDL_GET_UP: 'x' } }), { message: /^TSDL_GET_UP: not a size: "x"/ })
  t.equal(resolve({ variables: { TSDL_OUTPUT: 'x' } }).output, undefined, 'the name has several meanings')
})

t.test('a value excludes conflicting values of lower precedence', async t => {
  const text = '[get]\noutput = "d"\n[serve]\ntoken-file = "f"'
  t.match(resolve({ flags: { tar: true }, text }), { tar: true, output: undefined })
  t.match(resolve({ flags: { output: '-' }, text: '[get]\ntar = true' }), { tar: true, output: '-' })
  t.match(resolve({ flags: { output: 'd' }, text: '[get]\ntar = true' }), { tar: undefined, output: 'd' })
  t.match(resolve({ flags: { tar: false }, text }), { output: 'd' })
  t.match(resolve({ command: 'serve', variables: { TSDL_TOKEN: 'x' }, text }), {
    token: 'x',
    tokenFile: undefined,
  })
})
