import t from 'tap'
import { decode } from '../../src/codec/bencode.ts'
import { dictSpans, Scan, valueEnd } from '../../src/codec/bencode-scan.ts'
import { BencodeView } from '../../src/codec/bencode-view.ts'
import type { Steps } from '../../src/codec/steps.ts'

const raw = (spelled: string) => Buffer.from(spelled, 'latin1')
const refused = { name: 'InputError', code: 'ERR_BENCODE' }
const limits = { maxDepth: 64, maxItems: 1_000_000 }

/** Runs a scan; returns its result and the number of yields. */
function run<Result>(steps: Steps<Result>): { result: Result; yields: number } {
  for (let yields = 0; ; yields++) {
    const { done, value } = steps.next()
    if (done) return { result: value, yields }
  }
}

const endOf = (spelled: string, unique = false) => run(new Scan(raw(spelled), limits).value(0, unique)).result

function spansOf(spelled: string, keys: readonly string[], strict?: string) {
  const { result } = run(new Scan(raw(spelled), limits).dict(0, new Set(keys), strict))
  return result && [...result.spans].map(([key, { start, end }]) => [key, spelled.slice(start, end)])
}

t.test('the span of a key is the raw bytes of its value', async t => {
  const torrent = 'd5:other4:info4:infod1:bi1e1:ai2ee1:zi0ee'
  t.same(spansOf(torrent, ['info', 'missing', 'z']), [
    ['info', 'd1:bi1e1:ai2ee'],
    ['z', 'i0e'],
  ])
  t.equal(spansOf('le', ['info']), undefined)
  for (const spelled of ['d1:a', 'd4:infoi1e', 'd4:infoi1e1:x'])
    t.throws(() => spansOf(spelled, ['info']), refused, spelled)
  const few = new Scan(raw('d1:ai1e1:bi1ee'), { maxDepth: 2, maxItems: 3, advice: ' (sorry)' })
  t.throws(() => run(few.dict(0, new Set('a'))), {
    ...refused,
    message: /more than 3 values and keys \(sorry\) at byte 10/,
  })
  const { result } = run(new Scan(raw('d1:ai1eeRest'), limits).dict(0, new Set('a')))
  t.equal(result?.end, 8)
})

t.test(
  'the first value of a repeated key is used, but a repeated key is rejected at and inside the strict key',
  async t => {
    t.same(spansOf('d1:ai1e1:ai2ee', ['a']), [['a', 'i1e']])
    t.throws(() => spansOf('d4:infode4:infodee', ['info'], 'info'), {
      ...refused,
      message: /repeated key "info" at byte 9/,
    })
    t.throws(() => spansOf('d4:infod1:ad1:xi1e1:xi1eeee', ['info'], 'info'), {
      ...refused,
      message: /repeated key "x" at byte 18/,
    })
  },
)

t.test('a repeated key is found in sorted and unsorted dictionaries, at any distance and depth', async t => {
  const again = { ...refused, message: /repeated key ".*"/ }
  for (const spelled of [
    'd1:a0:1:a0:e',
    'd1:b0:1:a0:1:b0:e',
    'd1:a0:1:c0:1:b0:1:a0:e',
    'ld1:a0:2:aa0:2:aa0:ee',
  ])
    t.throws(() => endOf(spelled, true), again, spelled)
  const same = 'd1:ad1:a0:1:b0:e1:bd1:a0:1:b0:ee'
  t.equal(endOf(same, true), same.length, 'the same key in another dictionary is not a repetition')
  const unsorted = 'd1:bd1:z0:1:y0:e1:ad1:z0:1:y0:ee'
  t.equal(endOf(unsorted, true), unsorted.length)
})

t.test('the scan rejects what the decoder rejects', async t => {
  const cases = [
    '',
    'i1',
    'li1e',
    'd1:ae',
    'di1ei1ee',
    'i-0e',
    '01:a',
    '5:abc',
    `${'l'.repeat(65)}${'e'.repeat(65)}`,
  ]
  for (const spelled of cases) {
    let message = ''
    try {
      decode(raw(spelled))
    } catch (error) {
      message = (error as Error).message
    }
    t.throws(() => endOf(spelled), { ...refused, message }, spelled.slice(0, 20))
  }
})

t.test('a million values are scanned in steps, and the number of unsorted keys is limited', async t => {
  const { result, yields } = run(new Scan(raw(`l${'0:'.repeat(900_000)}e`), limits).value(0))
  t.equal(result, 1_800_002)
  t.ok(yields > 50)
  const keys = (from: number, step: number) =>
    Array.from({ length: 20_000 }, (_, index) => `5:${from + step * index}0:`).join('')
  t.equal(endOf(`d${keys(10_000, 1)}e`, true), 20_000 * 9 + 2)
  const bound = { ...refused, message: /more than 10000 keys in an unsorted dictionary/ }
  t.throws(() => endOf(`d${keys(90_000, -1)}e`, true), bound)
  t.throws(() => endOf(`d${keys(10_000, 1)}1:00:e`, true), bound, 'the last key is the first unsorted one')
})

t.test('a view decodes the requested value and rejects a large one', async t => {
  const spelled = raw(`d1:ai-7e1:b2:xy1:cl1:p1:qe1:dli1ed1:kleee1:el${'0:'.repeat(10_001)}ee`)
  const view = new BencodeView(spelled, dictSpans(spelled, 0))
  t.equal(valueEnd(spelled, 0), spelled.length)
  t.equal(view.get('a'), -7)
  t.same(view.get('b'), raw('xy'))
  t.same(view.get('c'), [raw('p'), raw('q')])
  t.same(view.get('d'), [1, { k: [] }])
  t.equal(view.get('missing'), undefined)
  t.throws(() => view.get('e'), { ...refused, message: /more than 10000 values/ })
})
