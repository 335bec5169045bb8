import t from 'tap'
import {
  allowedScopeOf,
  allowedScopeOfRedirect,
  allowedScopeOfUdp,
  isAllowedAddress,
  type Purpose,
  type Trust,
} from '../../src/ports/address-policy.ts'

const allowedScope = (url: string, purpose: Purpose, trust: Trust = 'remote') =>
  allowedScopeOf(new URL(url), purpose, trust)

t.test("others' URLs may be local only where the request can be taken for nothing else", async t => {
  const plain: Record<Purpose, string[]> = {
    tracker: [
      'http://h/announce',
      'http://h/x/announce?info_hash=a&peer_id=b&port=1&uploaded=0&downloaded=0&left=0&compact=1&numwant=5&key=1&event=stopped',
      'http://h/announce.php',
      'http://h/scrape?info_hash=a&info_hash=b',
    ],
    'web-seed': ['http://h/', 'http://h/a/b c'],
    torrent: ['http://h/a.torrent', 'http://h/x/A.TORRENT'],
  }
  const orders: Record<Purpose, string[]> = {
    tracker: [
      'http://h/',
      'http://h/admin/delete?all=1',
      'http://h/announce?passkey=1',
      'http://h/announce/x',
      'http://h/xannounce',
      'http://h/announce?info_hash=1&all=1',
    ],
    'web-seed': ['http://h/?x', 'http://h/admin/delete?all=1'],
    torrent: [
      'http://h/admin/delete',
      'http://h/a.torrent?x=1',
      'http://h/delete?x=a.torrent',
      'http://h/torrent',
    ],
  }
  for (const purpose of ['tracker', 'web-seed', 'torrent'] as const) {
    for (const url of plain[purpose]) t.equal(allowedScope(url, purpose), 'hosts', url)
    for (const url of orders[purpose]) {
      t.equal(allowedScope(url, purpose), 'global', url)
      t.equal(allowedScope(url, purpose, 'user'), 'any', url)
      t.equal(allowedScope(url, purpose, 'all'), 'any', url)
    }
  }
})

t.test('no redirect leads from the public Internet into a local network, unless all is allowed', async t => {
  const announce = new URL('http://h/announce')
  const order = new URL('http://h/admin/delete?all=1')
  for (const trust of ['remote', 'user'] as const)
    t.equal(allowedScopeOfRedirect(announce, 'tracker', trust, true), 'global')
  t.equal(allowedScopeOfRedirect(announce, 'tracker', 'all', true), 'any')
  t.equal(allowedScopeOfRedirect(announce, 'tracker', 'remote', false), 'hosts')
  t.equal(allowedScopeOfRedirect(order, 'tracker', 'remote', false), 'global')
  t.equal(allowedScopeOfRedirect(order, 'tracker', 'user', false), 'any')
})

t.test('each scope allows its addresses and no others', async t => {
  const addresses = [
    '8.8.8.8',
    '100.64.0.1',
    '10.0.0.1',
    '127.0.0.1',
    '::1',
    '169.254.169.254',
    'fe80::1%eth0',
  ]
  const more = ['0.0.0.0', '255.255.255.255', '224.0.0.1', '::ffff:127.0.0.1', '2002:7f00:1::', 'localhost']
  const within = (to: 'any' | 'hosts' | 'global') =>
    [...addresses, ...more].filter(address => isAllowedAddress(address, to))
  t.same(within('global'), ['8.8.8.8'])
  t.same(within('hosts'), [...addresses.slice(0, 5), '::ffff:127.0.0.1', '2002:7f00:1::'])
  t.equal(within('any').length, addresses.length + more.length)
  t.equal(allowedScopeOfUdp('remote'), 'hosts')
  t.equal(allowedScopeOfUdp('user'), 'any')
})
