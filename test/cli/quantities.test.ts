import t from 'tap'
import { parseDuration, parseSize, parseWhole } from '../../src/cli/quantities.ts'
import { json, visible } from '../../src/cli/terminal.ts'

t.test('in sizes K is 1024, as in curl, and KB is 1000', async t => {
  const rows: [string, number][] = [
    ['1', 1],
    ['500K', 512_000],
    ['500k', 512_000],
    ['2M', 2 << 20],
    ['2MB', 2_000_000],
    ['1.5GiB', 1.5 * 2 ** 30],
    ['1 T', 2 ** 40],
    ['7B', 7],
  ]
  for (const [text, bytes] of rows) t.equal(parseSize(text), bytes, text)
  for (const text of ['', '0', '-1', '1X', 'K', '1e3', '99999999T', '1.5.5'])
    t.throws(() => parseSize(text), { code: 'ERR_USAGE', message: `not a size: "${text}"` }, text)
})

t.test('a duration without a unit is in seconds', async t => {
  const rows: [string, number][] = [
    ['30', 30_000],
    ['30s', 30_000],
    ['1.5m', 90_000],
    ['1h', 3_600_000],
    ['250ms', 250],
    ['0', 0],
  ]
  for (const [text, duration] of rows) t.equal(parseDuration(text), duration, text)
  for (const text of ['', '-1', 'soon', '1 fortnight'])
    t.throws(() => parseDuration(text), { code: 'ERR_USAGE' })
})

t.test('a whole number outside of its bounds is rejected', async t => {
  t.equal(parseWhole(1, 5)('5'), 5)
  for (const text of ['0', '6', '1.5', '', 'x']) t.throws(() => parseWhole(1, 5)(text), { code: 'ERR_USAGE' })
})

t.test('control characters are escaped for a terminal', async t => {
  t.equal(visible('a\u001b[31m\u009b\u202e\nb'), 'a\\u001b[31m\\u009b\\u202e\nb')
  t.strictSame(JSON.parse(json({ a: 'x\u009b\u202e\n' })), { a: 'x\u009b\u202e\n' })
  t.equal(json('\u009b'), '"\\u009b"')
})
