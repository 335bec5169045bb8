import t from 'tap'
import { suggest } from '../../src/cli/suggest.ts'

t.test('the nearest candidate within two edits is suggested', async t => {
  const candidates = ['get', 'seed', 'serve', 'info', 'verify', 'create', 'demo', 'config']
  const rows: [string, string | undefined][] = [
    ['sed', 'seed'],
    ['serv', 'serve'],
    ['verfiy', 'verify'],
    ['craete', 'create'],
    ['inof', 'info'],
    ['gte', 'get'],
    ['ubuntu', undefined],
    ['x', undefined],
  ]
  for (const [word, expected] of rows) t.equal(suggest(word, candidates), expected, word)
})
