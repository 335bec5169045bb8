import t from 'tap'
import { judgeReply, MAX_SKIP } from '../../src/codec/range-reply.ts'

const asked = { first: 100, length: 50, size: 1000 }
const range = { 'content-range': 'bytes 100-149/1000' }
const kindOf = (status: number, headers: Record<string, string> = {}, from = asked) =>
  judgeReply({ status, headers }, from).kind

t.test('a range is taken only when it is exactly what was asked for', async t => {
  t.same(judgeReply({ status: 206, headers: range }, asked), { kind: 'body', skip: 0, more: false })
  t.equal(kindOf(206, { 'content-range': 'bytes 100-149/*' }), 'body')
  t.equal(kindOf(206, { ...range, 'content-length': '50', 'content-encoding': 'identity' }), 'body')
  for (const text of [
    '',
    'bytes 100-149',
    'bytes 4-0/1000',
    'bytes 99-149/1000',
    'bytes 100-150/1000',
    'items 100-149/1000',
  ])
    t.equal(kindOf(206, { 'content-range': text }), 'never', text)
  t.equal(kindOf(206, { 'content-range': 'bytes 100-149/1001' }), 'never')
  t.equal(kindOf(206, { ...range, 'content-length': '51' }), 'never')
  t.equal(kindOf(206, { ...range, 'content-length': '5e1' }), 'never')
  t.equal(kindOf(206, { ...range, 'content-encoding': 'gzip' }), 'never')
})

t.test('all of a file is taken when what comes before is not much', async t => {
  t.same(judgeReply({ status: 200, headers: {} }, asked), { kind: 'body', skip: 100, more: true })
  t.same(judgeReply({ status: 200, headers: {} }, { length: 7 }), { kind: 'body', skip: 0, more: false })
  t.equal(kindOf(200, { 'content-length': '1000' }), 'body')
  t.equal(kindOf(200, { 'content-length': '999' }), 'never')
  const far = { first: MAX_SKIP, length: 1, size: 2 * MAX_SKIP }
  t.equal(kindOf(200, {}, far), 'body')
  t.equal(kindOf(200, {}, { ...far, first: MAX_SKIP + 1 }), 'never')
})

t.test('what may be better another time, and what never will be', async t => {
  for (const status of [408, 429, 500, 502, 503, 504]) t.equal(kindOf(status), 'later', `${status}`)
  for (const status of [201, 204, 300, 304, 400, 401, 403, 404, 410, 416])
    t.equal(kindOf(status), 'never', `${status}`)
  const after = (headers: Record<string, string>) => {
    const verdict = judgeReply({ status: 503, headers }, asked)
    return verdict.kind === 'later' ? verdict.after : null
  }
  t.equal(after({ 'retry-after': '7' }), 7000)
  const date = 'Mon, 01 Jan 2024 00:00:00 GMT'
  t.equal(after({ 'retry-after': 'Mon, 01 Jan 2024 00:00:09 GMT', date }), 9000)
  t.equal(after({ 'retry-after': date, date: 'Mon, 01 Jan 2024 00:00:09 GMT' }), undefined)
  t.equal(after({ 'retry-after': date }), undefined)
  t.equal(after({ 'retry-after': '-1', date: 'x' }), undefined)
})
