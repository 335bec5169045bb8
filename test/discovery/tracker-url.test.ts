import t from 'tap'
import { parseTrackerUrl, trackerName } from '../../src/discovery/tracker-url.ts'
import { InputError } from '../../src/errors.ts'

t.test('valid tracker URLs are accepted', async t => {
  const good: [string, string][] = [
    ['http://t.example/announce', 'http://t.example/announce'],
    ['HTTPS://T.Example:8443/a?passkey=x', 'https://t.example:8443/a?passkey=x'],
    ['  http://t.example:6969/announce\n', 'http://t.example:6969/announce'],
    ['http://[2001:db8::1]:6969/announce', 'http://[2001:db8::1]:6969/announce'],
    ['http://127.0.0.1:80', 'http://127.0.0.1/'],
    ['http://t.example/a b#fragment', 'http://t.example/a%20b'],
  ]
  for (const [text, href] of good) t.equal(parseTrackerUrl(text).href, href, text)
})

t.test('invalid tracker URLs are rejected with their value', async t => {
  const bad = [
    '',
    'announce',
    't.example/announce',
    't.example:80/announce',
    '//t.example/announce',
    'http:',
    'http://',
    'http:///announce',
    'http:t.example',
    'http://?x',
    'http://t.example:0/announce',
    'http://t.example:99999/announce',
    'http://t ex/announce',
    'http://[::1/announce',
    'http://[zz]/announce',
    'udp://t.example:6969/announce',
    'ws://t.example/',
    'wss://t.example/',
    'ftp://t.example/',
    'file:///etc/passwd',
    'javascript:alert(1)',
    'data:text/plain,x',
    'http://%00/',
  ]
  for (const text of bad) t.throws(() => parseTrackerUrl(text), InputError, JSON.stringify(text))
  t.throws(() => parseTrackerUrl('ws://t.example:6969/a'), {
    code: 'ERR_USAGE',
    message: /ws:\/\/t\.example:6969\/a: ws trackers are not supported/,
  })
})

t.test('CR, LF, TAB and NUL inside a URL are rejected, not dropped', async t => {
  for (const char of ['\r', '\n', '\r\nX-Evil: 1\r\n', '\t', '\0', '\x7f', '\x85']) {
    t.throws(() => parseTrackerUrl(`http://t.example/ann${char}ounce`), {
      code: 'ERR_USAGE',
      message: /control/,
    })
  }
})

t.test('names of trackers have no secrets and no control characters', async t => {
  t.equal(trackerName('http://user:pw@t.example/announce?passkey=secret#x'), 'http://t.example/announce')
  t.equal(
    trackerName('http://t.example/0123456789abcdef0123456789abcdef/announce'),
    'http://t.example/…/announce',
  )
  t.equal(trackerName('udp://t.example:6969'), 'udp://t.example:6969')
  t.equal(trackerName('http://user:pw@t.example:99999/a?passkey=secret'), 'http://t.example:99999/a')
  t.notMatch(trackerName('http://t.example/\x1b[2J\r\nx'), /\p{Cc}/u)
  t.ok(trackerName(`http://t.example/${'a-'.repeat(5000)}`).length <= 120)
})
