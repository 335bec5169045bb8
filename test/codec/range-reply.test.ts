import t from 'tap'
import { judgeReply } from '../../src/codec/range-reply.ts'

const asked = { first: 100, length: 50, size: 1000 }
const range = { 'content-range': 'bytes 100-149/1000' }
const kindOf = (status: number, headers: Record<string, string> = {}, from = asked) =>
  judgeReply({ status, headers }, from).kind

t.test('a range that begins at the requested offset is accepted, also if it is shorter', async t => {
  t.same(judgeReply({ status: 206, headers: range }, asked), { kind: 'body', from: 100, to: 150 })
  t.equal(kindOf(206, { 'content-range': 'bytes 100-149/*' }), 'body')
  t.equal(kindOf(206, { ...range, 'content-length': '50', 'content-encoding': 'identity' }), 'body')
  const short = { 'content-range': 'bytes 100-100/1000' }
  t.same(judgeReply({ status: 206, headers: short }, asked), { kind: 'body', from: 100, to: 101 })
  t.equal(kindOf(206, { ...short, 'content-length': '1' }), 'body')
  t.equal(kindOf(206, { ...short, 'content-length': '50' }), 'unusable')
  for (const text of [
    '',
    'bytes 100-149',
    'bytes 4-0/1000',
    'bytes 100-99/1000',
    'bytes 99-149/1000',
    'bytes 101-149/1000',
    'bytes 100-150/1000',
    'items 100-149/1000',
  ])
    t.equal(kindOf(206, { 'content-range': text }), 'unusable', text)
  t.equal(kindOf(206, { 'content-range': 'bytes 100-149/1001' }), 'unusable')
  t.equal(kindOf(206, { ...range, 'content-length': '51' }), 'unusable')
  t.equal(kindOf(206, { ...range, 'content-length': '5e1' }), 'unusable')
  t.equal(kindOf(206, { ...range, 'content-encoding': 'gzip' }), 'unusable')
})

t.test('a reply with the whole resource is accepted for any range', async t => {
  t.same(judgeReply({ status: 200, headers: {} }, asked), { kind: 'body', from: 0, to: 1000 })
  t.same(judgeReply({ status: 200, headers: {} }, { length: 7 }), { kind: 'body', from: 0, to: 7 })
  t.equal(kindOf(200, { 'content-length': '1000' }), 'body')
  t.equal(kindOf(200, { 'content-length': '999' }), 'unusable')
  t.equal(kindOf(200, {}, { first: 5e9, length: 1, size: 6e9 }), 'body')
})

t.test('a busy server is distinguished from a missing file', async t => {
  for (const status of [408, 421, 425, 429, 500, 502, 503, 504]) t.equal(kindOf(status), 'busy', `${status}`)
  for (const status of [201, 204, 300, 304, 400, 401, 403, 404, 410, 416])
    t.equal(kindOf(status), 'unusable', `${status}`)
  const after = (headers: Record<string, string>) => {
    const verdict = judgeReply({ status: 503, headers }, asked)
    return verdict.kind === 'busy' ? verdict.after : null
  }
  t.equal(after({ 'retry-after': '7' }), 7000)
  const date = 'Mon, 01 Jan 2024 00:00:00 GMT'
  t.equal(after({ 'retry-after': 'Mon, 01 Jan 2024 00:00:09 GMT', date }), 9000)
  t.equal(after({ 'retry-after': date, date: 'Mon, 01 Jan 2024 00:00:09 GMT' }), undefined)
  t.equal(after({ 'retry-after': date }), undefined)
  t.equal(after({ 'retry-after': '-1', date: 'x' }), undefined)
})
