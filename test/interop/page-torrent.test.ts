import { readFile } from 'node:fs/promises'
import type { Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { encodePieceCell, type PieceCell } from '../../src/codec/piece-cells.ts'
import { create } from '../../src/metainfo/create.ts'
import { parse } from '../../src/metainfo/parse.ts'
import { torrentOf } from '../../src/metainfo/torrent.ts'
import { HttpServer } from '../../src/server/http-server.ts'
import { createPage } from '../../src/server/page/create-page.ts'
import type { ListedTorrent } from '../../src/server/page/documents.ts'
import type {
  FilesDocument,
  ListedPeer,
  ListedPieces,
  PeersDocument,
  TorrentDocument,
} from '../../src/server/page/torrent-documents.ts'
import { SessionFiles } from '../../src/server/session-files.ts'
import {
  checkAccessibility,
  findOverflow,
  openBrowser,
  openScreen,
  PAGE_DIRECTORY,
  SCREEN_SIZES,
  serveLivePage,
  withoutChromium as skip,
  takePicture,
} from '../helpers/page-browser.ts'
import { inProject } from '../helpers/project.ts'
import { openSession, shareAll, waitForSession } from '../helpers/session.ts'

const INFO_HASH = 'ab'.repeat(20)
const LONG_NAME =
  'A lecture series with a name that is far too long for any heading, in forty parts, with notes and exercises (2nd edition)'

const LISTED_TORRENT: ListedTorrent = {
  ...{ name: 'Sintel (2010) 1080p', status: 'downloading', size: 1.6e9, wanted: 1.6e9, verified: 0.72e9 },
  ...{ down: 4.3e6, up: 310e3, eta: 204, peers: 38, seeds: 21, ratio: 0.08, uploaded: 58e6 },
  ...{ labels: ['film', 'open'], added: 1.79e12, isReadable: true },
}

const cellOf = (index: number, count: number): PieceCell => {
  const at = index / count
  if (at < 0.38 || (at > 0.6 && at < 0.64)) return { part: 1, state: 'missing', copies: 5 }
  if (at < 0.42) return { part: (index % 5) / 6, state: 'active', copies: 4 }
  if (at < 0.45) return { part: 0, state: 'next', copies: 3 }
  if (at > 0.9) return { part: 0, state: 'skipped', copies: 2 }
  return { part: 0, state: 'missing', copies: index % 9 === 0 ? 0 : 2 }
}

function piecesOf(count: number, seeds = 0): ListedPieces {
  const cellSize = Math.ceil(count / 512)
  const cells = Array.from({ length: Math.ceil(count / cellSize) }, (_, index) =>
    encodePieceCell(cellOf(index, Math.ceil(count / cellSize))),
  )
  const rows: Record<string, string> = {}
  for (let row = 0; row * 64 < cells.length; row++) rows[row] = cells.slice(row * 64, row * 64 + 64).join('')
  return {
    ...{ count, cellSize, rows, seeds, have: Math.round(count * 0.42), active: Math.round(count * 0.04) },
    ...{ next: Math.round(count * 0.03), missing: Math.round(count * 0.48), availability: 2.87 + seeds },
  }
}

function ratesOf(): TorrentDocument['rates'] {
  const samples: Record<string, readonly [number, number]> = {}
  for (let slot = 720; slot < 1000; slot++)
    samples[slot] = [
      8e6 * (1 - Math.exp((720 - slot) / 40)) * (1 + 0.2 * Math.sin(slot / 7)),
      6e5 * (1 + Math.sin(slot / 20)),
    ]
  return { sampleMs: 2000, now: 1000, samples }
}

const now = Date.now()
const TORRENT_DOCUMENT: TorrentDocument = {
  torrent: LISTED_TORRENT,
  why: '21 peers send no more than 4.10 MiB/s together',
  magnet: `magnet:?xt=urn:btih:${INFO_HASH}&dn=Sintel`,
  facts: {
    media: 'Sintel/Sintel.webm',
    ...{
      size: 1.6e9,
      files: 6,
      pieceLength: 1 << 20,
      directory: '/home/mara/Downloads',
      createdBy: 'tsdl 0.1',
    },
    ...{ created: 1.6e12, comment: 'The Durian open movie project, with subtitles in three languages' },
  },
  pieces: piecesOf(1526),
  rates: ratesOf(),
  trackers: {
    'https://tracker.example.org/announce': {
      ...{
        state: 'working',
        answered: now - 65_000,
        next: now + 1_735_000,
        peers: 50,
        seeders: 410,
        leechers: 31,
      },
    },
    'udp://tracker.with-a-very-long-name-that-has-to-be-wrapped-somewhere.example.com:6969/announce': {
      ...{ state: 'failing', error: 'did not answer within 15 s', next: now + 55_000 },
    },
    'udp://backup.example.net:6969': { state: 'untried' },
  },
  dht: { isAsking: false, peers: 24, nodes: 8, answered: now - 30_000, next: now + 40_000 },
  webSeeds: {
    'https://mirror.example.org/sintel/': { state: 'active', downloaded: 210e6, outstanding: 32 },
    'http://old.example.org/': {
      state: 'resting',
      downloaded: 0,
      outstanding: 0,
      failure: 'HTTP 503',
      next: now + 240_000,
    },
  },
}

const peerOf = (changes: Partial<ListedPeer>): ListedPeer => ({
  ...{
    address: '198.51.100.7:51413',
    client: 'Transmission 4.0.5',
    source: 'DHT',
    isEncrypted: true,
    part: 1,
  },
  ...{ down: 1.1e6, up: 0, downloaded: 122e6, uploaded: 0, outstanding: 48, since: now - 730_000 },
  ...{ isWanted: true, isChoking: false, isInterested: false, isChoked: true, isSnubbed: false },
  ...changes,
})

const PEERS_DOCUMENT: PeersDocument = {
  peers: {
    1: peerOf({}),
    2: peerOf({
      ...{
        address: '[2001:db8:85a3::8a2e:370:7334]:6881',
        client: 'qBittorrent 4.6.0',
        source: 'incoming',
        part: 0.42,
      },
      ...{
        down: 0,
        up: 210e3,
        uploaded: 31e6,
        outstanding: 0,
        isChoking: true,
        isInterested: true,
        isChoked: false,
      },
    }),
    3: peerOf({
      ...{
        address: '203.0.113.99:6881',
        client: 'عميل تجريبي',
        source: 'PEX',
        part: 0.9,
        isEncrypted: false,
      },
      ...{ down: 0, isSnubbed: true, outstanding: 4 },
    }),
    4: peerOf({
      address: '192.0.2.1:9',
      client: 'unknown',
      part: 0,
      down: 0,
      isWanted: false,
      outstanding: 0,
    }),
  },
  more: 0,
  departed: {
    9: {
      ...{
        address: '192.0.2.44:6881',
        client: 'libtorrent 2.0.8',
        reason: 'closed by the peer',
        ended: now - 95_000,
      },
      ...{ lasted: 312, downloaded: 4.4e6, uploaded: 0 },
    },
  },
}

const FILES_DOCUMENT: FilesDocument = {
  ...{ isKnown: true, total: 6 },
  files: {
    0: { path: 'Sintel/Sintel.webm', length: 1.4e9, have: 0.7e9, priority: 'high' },
    1: { path: 'Sintel/subtitles/Sintel.en.srt', length: 60_000, have: 60_000, priority: 'normal' },
    2: { path: 'Sintel/subtitles/Sintel.de.srt', length: 60_000, have: 60_000, priority: 'normal' },
    3: { path: 'Sintel/الموسيقى التصويرية.flac', length: 120e6, have: 20e6, priority: 'low' },
    4: { path: `Sintel/extras/${LONG_NAME}.pdf`, length: 80e6, have: 0, priority: 'off' },
    5: { path: 'Sintel/empty.txt', length: 0, have: 0, priority: 'normal' },
  },
}

interface Shown {
  torrent: TorrentDocument | undefined
  peers: PeersDocument
  files: FilesDocument
}

/** Serves documents that the test can change. */
async function openTorrent(t: Test, changes: Partial<Shown> = {}, { canAct = true } = {}) {
  const opened = await openSession(t)
  const shown: Shown = { torrent: TORRENT_DOCUMENT, peers: PEERS_DOCUMENT, files: FILES_DOCUMENT, ...changes }
  const client = {
    down: LISTED_TORRENT.down,
    up: LISTED_TORRENT.up,
    peers: 38,
    downloaded: 812e9,
    uploaded: 1.3e12,
  }
  const describe = (topic: string) => {
    const [kind] = topic.split(':')
    return kind === 'client' ? { client } : shown[kind as keyof Shown]
  }
  const topics = {
    torrents: { get: () => undefined, describe: () => ({ client, torrents: {} }), close() {} },
    open: (topic: string) => ({ describe: () => describe(topic), close() {} }),
  }
  const { base } = await serveLivePage(t, topics, canAct ? opened : undefined)
  return { shown, base: `${base}/#/torrent/${INFO_HASH}` }
}

/** Returns the texts of elements as they are shown, each part on a separate line. */
const textsOf = (page: Page, selector: string) =>
  // biome-ignore lint/performance/useDomNodeTextContent: hidden text does not count
  page.$$eval(selector, elements => elements.map(element => (element as HTMLElement).innerText.trim()))

t.test('each tab of a torrent shows its data on each screen', { skip }, async t => {
  const browser = await openBrowser(t)
  const { base } = await openTorrent(t)
  for (const screen of SCREEN_SIZES) {
    const check = async (page: Page, name: string) => {
      t.equal(await findOverflow(page), undefined, `${name}, ${screen.name}`)
      await checkAccessibility(t, page, `${name}, ${screen.name}`)
      await takePicture(page, `torrent-${name}-${screen.name}`)
    }
    const page = await openScreen(t, browser, base, screen)
    await page.waitForSelector('.piece-map canvas')
    t.equal(await page.title(), 'Sintel (2010) 1080p – tsdl')
    t.strictSame(await textsOf(page, '.figures dd'), [
      ...['Downloading from 38 peers', '45% of 1.49 GiB', '4.10 MiB/s', '303 KiB/s', '3 min', '0.08'],
    ])
    t.match(await page.textContent('.why'), TORRENT_DOCUMENT.why!)
    t.match(
      await page.getAttribute('.piece-map canvas', 'aria-label'),
      '641 of 1,526 pieces are here, 61 in flight, 46 needed next, 732 missing, 153 not wanted',
    )
    t.match(await textsOf(page, '.facts dd'), ['1.49 GiB in 6 files', '1 MiB', '55.3 MiB'])
    await page.waitForSelector('.rate-plot canvas')
    t.match(await page.getAttribute('.rate-plot', 'aria-label'), /at most [34]\.\d+ MiB\/s/)
    t.equal(
      await page.getAttribute('.torrent-actions .is-primary', 'href'),
      `#/torrent/${INFO_HASH}/play/Sintel/Sintel.webm`,
    )
    await page.setViewportSize({ width: screen.width, height: 1010 })
    await check(page, 'overview')
    await page.setViewportSize(screen)
    await page.focus('.piece-map canvas')
    await page.keyboard.press('ArrowRight')
    await page.keyboard.press('ArrowRight')
    t.match(
      await page.textContent('.piece-text'),
      'Pieces 4 to 6: here; 5 connected peers have the rarest of them',
    )

    await page.click('.tabs a:has-text("Files")')
    await page.waitForSelector('.file-line')
    t.strictSame(await textsOf(page, '.file-line:not(.is-directory) .file-name'), [
      ...[
        'Sintel.en.srt',
        'Sintel.de.srt',
        `${LONG_NAME}.pdf`,
        'Sintel.webm',
        'الموسيقى التصويرية.flac',
        'empty.txt',
      ],
    ])
    t.strictSame(await textsOf(page, '.file-line:not(.is-directory) .percent'), [
      ...['100%', '100%', 'skipped', '50%', '16%', '100%'],
    ])
    await check(page, 'files')

    await page.click('.tabs a:has-text("Peers")')
    await page.waitForSelector('.cards tbody tr')
    const rows = await textsOf(page, '.cards tbody tr')
    t.match(
      rows[0],
      /198\.51\.100\.7:51413\s+Transmission 4\.0\.5.*sends to us.*TCP, encrypted, we connected; found in the DHT.*1\.05 MiB\/s.*48/s,
    )
    t.match(rows[1], /gets data from us.*it connected to us.*42%.*205 KiB\/s/s)
    t.match(rows.join('\n'), /does not answer our requests/)
    t.match(await textsOf(page, '.plain-list li'), [/192\.0\.2\.44:6881.*closed by the peer.*after 5 min/s])
    await check(page, 'peers')

    await page.click('.tabs a:has-text("Trackers")')
    await page.waitForSelector('.plain-list .words')
    const sources = await textsOf(page, '.plain-list li')
    t.match(
      sources[0],
      /Works: named 50 peers\s+it knows 410 seeds and 31 other peers; answered 1 min ago; asked again in 29 min/,
    )
    t.match(sources[1], /Failed: did not answer within 15 s/)
    t.match(sources[2], /Not asked yet/)
    t.match(sources[3], /Sends\s+200 MiB received; 32 blocks requested/)
    t.match(sources[4], /Failed: HTTP 503/)
    t.match(await page.textContent('.panel:nth-child(2)'), /8 nodes answered .* and named 24 peers/)
    await check(page, 'sources')
    await page.context().close()
  }
})

t.test('the map is readable with ten pieces and with 100,000, and follows its data', { skip }, async t => {
  const browser = await openBrowser(t)
  const { base, shown } = await openTorrent(t, {
    torrent: { ...TORRENT_DOCUMENT, torrent: { ...LISTED_TORRENT, name: LONG_NAME }, pieces: piecesOf(10) },
  })
  for (const screen of [SCREEN_SIZES[0], SCREEN_SIZES[2]]) {
    shown.torrent = { ...shown.torrent!, pieces: piecesOf(10) }
    const page = await openScreen(t, browser, base, screen)
    await page.waitForSelector('.piece-map canvas')
    await page.focus('.piece-map canvas')
    await page.keyboard.press('ArrowRight')
    t.match(await page.textContent('.piece-text'), 'Piece 1: here; 5 connected peers have it')
    await takePicture(page, `torrent-10-pieces-${screen.name}`)
    shown.torrent = { ...shown.torrent, pieces: piecesOf(100_000, 3) }
    await page.waitForFunction(() =>
      document.querySelector('canvas')?.ariaLabel?.includes('42,000 of 100,000'),
    )
    t.match(await page.textContent('.panel h2 .muted'), 'availability 5.87')
    const height = await page.$eval('.piece-map canvas', canvas => canvas.clientHeight)
    t.ok(height > 40 && height < 220, `${height} pixels high`)
    await takePicture(page, `torrent-100000-pieces-${screen.name}`)
    await page.context().close()
  }
})

t.test('the page says that a torrent waits, has failed, has no metadata or is removed', { skip }, async t => {
  const browser = await openBrowser(t)
  const { pieces: _, facts: __, dht: ___, ...bare } = TORRENT_DOCUMENT
  const empty = { ...bare, rates: { sampleMs: 2000, now: 5, samples: {} }, trackers: {}, webSeeds: {} }
  const { base, shown } = await openTorrent(t, {
    torrent: {
      ...empty,
      torrent: {
        ...LISTED_TORRENT,
        name: INFO_HASH,
        status: 'metadata',
        down: 0,
        up: 0,
        peers: 0,
        size: undefined!,
        isReadable: false,
      },
      why: 'No peers are known: the only tracker, tracker.example.org, did not answer.',
      outcomes: { '127.0.0.1:9': 'refused the connection', '192.0.2.7:6881': 'did not answer' },
    },
    peers: { peers: {}, more: 0, departed: {} },
    files: { isKnown: false, total: 0, files: {} },
  })
  for (const screen of [SCREEN_SIZES[1], SCREEN_SIZES[2]]) {
    const page = await openScreen(t, browser, base, screen)
    await page.waitForSelector('.why')
    await page.click('.why summary')
    t.strictSame(await textsOf(page, '.why li'), [
      ...['127.0.0.1:9 refused the connection', '192.0.2.7:6881 did not answer'],
    ])
    t.match(await page.textContent('.plot-empty'), 'Nothing was transferred')
    await checkAccessibility(t, page, `empty, ${screen.name}`)
    await takePicture(page, `torrent-metadata-${screen.name}`)
    for (const tab of ['Files', 'Peers', 'Trackers']) {
      await page.click(`.tabs a:has-text("${tab}")`)
      await page.waitForSelector('.nothing, .panels:not([aria-busy]) .muted')
      await checkAccessibility(t, page, `empty ${tab}, ${screen.name}`)
      await takePicture(page, `torrent-empty-${tab.toLowerCase()}-${screen.name}`)
    }
    await page.context().close()
  }
  const page = await openScreen(t, browser, base, SCREEN_SIZES[0])
  await page.waitForSelector('.why')
  shown.torrent = {
    ...TORRENT_DOCUMENT,
    torrent: { ...LISTED_TORRENT, status: 'failed', reason: 'the disk is full', down: 0, up: 0 },
  }
  await page.waitForSelector('.words.is-bad')
  t.equal(await page.textContent('.figures .words'), 'Stopped by an error: the disk is full')
  await takePicture(page, 'torrent-failed')
  shown.torrent = undefined
  await page.waitForSelector('.nothing h1')
  await checkAccessibility(t, page, 'gone')
  await takePicture(page, 'torrent-gone')
})

t.test('without a session the page offers no changes', { skip }, async t => {
  const browser = await openBrowser(t)
  const { base } = await openTorrent(t, {}, { canAct: false })
  const page = await openScreen(t, browser, `${base}/files`, SCREEN_SIZES[0])
  await page.waitForSelector('.file-line')
  t.strictSame(await textsOf(page, '.torrent-actions > *'), ['Play', 'Magnet link', '.torrent'])
  t.strictSame(await page.$$('.file-line input, .file-line select'), [])
  await takePicture(page, 'torrent-files-read-only')
})

/** Serves a film with subtitles from a session that has it or downloads it from a peer. */
async function openFilm(t: Test, { isShared = true } = {}) {
  const film = await readFile(inProject('fixtures/test-pattern.webm'))
  const english = Buffer.from(
    '1\r\n00:00:00,000 --> 00:00:03,000\r\nHello <b>there</b>\r\n\r\n2\r\n00:00:04,500 --> 00:00:08,000\r\nTwo\r\nlines\r\n',
  )
  const german = Buffer.from('WEBVTT\n\n00:00.000 --> 00:02.000\nGuten Tag\n')
  const files = [
    ...([
      [['film.webm'], film],
      [['film.de.vtt'], german],
      [['subs', 'English.srt'], english],
    ] as const),
  ].map(([path, bytes]) => ({
    ...{ path: [...path], length: bytes.length },
    read: async function* () {
      yield bytes
    },
  }))
  const { torrent } = await create({ name: 'Films', files, pieceLength: 16_384 })
  const metainfo = parse(torrent)
  const opened = await openSession(t)
  const page = createPage({ ...opened, directory: PAGE_DIRECTORY })
  const server = await new HttpServer(new SessionFiles(opened.session), { page }).listen()
  t.teardown(() => server.close())
  const added = await opened.session.add(torrentOf(metainfo))
  const share = async () => {
    const { port } = await shareAll(t, [
      { metainfo, content: Buffer.concat([film, german, english]) } as never,
    ])
    await added.set({ peers: [`127.0.0.1:${port}`] })
    await waitForSession(opened.session, () => added.isComplete)
  }
  if (isShared) await share()
  const url = `${new URL(server.url).origin}/#/torrent/${added.infoHash}/play/Films/film.webm`
  return { ...opened, added, share, url }
}

t.test(
  'a film plays, seeks, has its subtitles, obeys keys, and leads back to the torrent',
  { skip },
  async t => {
    const browser = await openBrowser(t)
    const { url } = await openFilm(t)
    for (const screen of SCREEN_SIZES) {
      const page = await openScreen(t, browser, url, screen)
      t.equal(await page.textContent('h1'), 'film.webm')
      await page.$eval('video', video => {
        const media = video as HTMLVideoElement
        media.muted = true
        return media.play()
      })
      await page.waitForFunction(() => document.querySelector('video')!.currentTime > 0)
      await page.waitForSelector('.player-notice.is-hidden', { state: 'attached' })
      await page.waitForSelector('.subtitle-choice')
      t.strictSame(await textsOf(page, '.subtitle-choice option'), ['Off', 'German', 'English'])
      await page.selectOption('.subtitle-choice select', { label: 'English' })
      await page.waitForFunction(() => document.querySelector('video')?.textTracks[0]?.cues?.length === 2)
      await page.$eval('video', video => {
        const media = video as HTMLVideoElement
        media.pause()
        media.currentTime = 5
      })
      await page.waitForFunction(() => {
        const [track] = document.querySelector('video')!.textTracks
        return (track?.activeCues?.[0] as VTTCue | undefined)?.text === 'Two\nlines'
      })
      await page.focus('h1').catch(() => {})
      await page.$eval('select', select => (select as HTMLElement).blur())
      await page.keyboard.press('ArrowLeft')
      await page.waitForFunction(() => document.querySelector('video')?.currentTime === 0)
      await page.keyboard.press('c')
      await page.waitForFunction(() => document.querySelector('select')?.value === '')
      await page.keyboard.press('c')
      await page.waitForFunction(() => document.querySelector('video')?.textTracks[1]?.cues?.length === 1)
      t.equal(await findOverflow(page), undefined, screen.name)
      await checkAccessibility(t, page, `player, ${screen.name}`)
      await takePicture(page, `player-${screen.name}`)
      await page.click('.back')
      await page.waitForSelector('.file-line')
      await page.context().close()
    }
  },
)

t.test(
  'the player says what a film without data waits for, and plays it when the data comes',
  { skip },
  async t => {
    const browser = await openBrowser(t)
    const { added, session, share, url } = await openFilm(t, { isShared: false })
    await waitForSession(session, () => added.status === 'downloading')
    const page = await openScreen(t, browser, url, SCREEN_SIZES[2])
    await page.waitForFunction(() =>
      /^Waiting for piece 1 of 1\./.test(document.querySelector('.player-notice')?.textContent ?? ''),
    )
    await checkAccessibility(t, page, 'waiting')
    await takePicture(page, 'player-waiting')
    page.removeAllListeners('console') // a change of its peers restarts the torrent and ends the response
    await share()
    await page.waitForSelector('.player-notice.is-hidden', { state: 'attached' })
    await added.stop()
    await page.waitForFunction(() =>
      /does not run/.test(document.querySelector('.player-notice')?.textContent ?? ''),
    )
    await page.click('.player-notice button')
    await page.waitForSelector('video')
  },
)

t.test('a file that the browser cannot play is offered in another way', { skip }, async t => {
  const browser = await openBrowser(t)
  const { base } = await openTorrent(t)
  const page = await openScreen(t, browser, 'about:blank', SCREEN_SIZES[0])
  page.removeAllListeners('console')
  // this server has no files, so the browser gets this response instead of a film
  await page.route('**/Sintel.webm', route =>
    route.fulfill({ status: 200, body: 'no film', contentType: 'video/webm' }),
  )
  await page.goto(`${base}/play/Sintel/Sintel.webm`)
  await page.waitForFunction(() =>
    /cannot play this file/.test(document.querySelector('.player-notice')?.textContent ?? ''),
  )
  t.strictSame(await textsOf(page, '.player-footer .button'), ['URL', 'Download'])
  t.strictSame(await textsOf(page, '.subtitle-choice option'), ['Off', 'English', 'German'])
  await takePicture(page, 'player-failed')
})
