import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { chromium } from 'playwright-core'
import t from 'tap'
import { torrentOf } from '../../src/metainfo/torrent.ts'
import { RPC_METHODS } from '../../src/server/transmission/transmission-api.ts'
import { pollUntil } from '../helpers/counterparts/poll-until.ts'
import { scratch, without } from '../helpers/counterparts/process.ts'
import { checkTested, recordCalls } from '../helpers/documented-calls.ts'
import { makeTorrent } from '../helpers/metainfo.ts'
import { openRemote } from '../helpers/remote.ts'

/** The page of Debian's package transmission-common. */
const PAGE_DIRECTORY = '/usr/share/transmission/web'
const CHROMIUM_PATH = '/usr/bin/chromium'
const skip = without('test', '-e', `${PAGE_DIRECTORY}/index.html`) || without(CHROMIUM_PATH, '--version')

const called = recordCalls(t, RPC_METHODS)

t.test("Debian's page of Transmission adds, lists, shows, pauses and removes torrents", { skip }, async t => {
  const { base, session } = await openRemote(t, { control: { webDirectory: PAGE_DIRECTORY } })
  const made = makeTorrent({
    files: [
      { path: 'album/one', length: 50_000 },
      { path: 'album/two', length: 50_000 },
    ],
    name: 'album',
  })
  const file = join(scratch(t), 'album.torrent')
  writeFileSync(file, torrentOf({ ...made.metainfo, comment: 'a comment' }))
  const browser = await chromium.launch({ executablePath: CHROMIUM_PATH, args: ['--no-sandbox'] })
  t.teardown(() => browser.close())
  const page = await browser.newPage()
  const failures: string[] = []
  page.on('pageerror', error => failures.push(error.message))
  page.on('response', response => {
    if (response.status() >= 400 && response.status() !== 409)
      failures.push(`${response.status()} ${response.url()}`)
  })

  await page.goto(`${base}/transmission`)
  t.equal(page.url(), `${base}/transmission/web/`)

  await page.click('#toolbar-open')
  await page.setInputFiles('#torrent_upload_file', file)
  await page.click('#upload_confirm_button')
  await page.waitForSelector('#torrent_list .torrent_name >> text=album')
  t.equal(session.torrents[0]!.intent, 'started')

  await page.click('#toolbar-open')
  await page.fill('#torrent_upload_url', `magnet:?xt=urn:btih:${'f'.repeat(40)}&dn=another`)
  await page.click('#upload_confirm_button')
  await page.waitForSelector('#torrent_list .torrent_name >> text=another')
  t.equal(session.torrents.length, 2)

  await page.click('#torrent_list .torrent_name >> text=album')
  await page.click('#toolbar-inspector')
  await page.waitForFunction(
    () => document.querySelector('#inspector-info-comment')?.textContent === 'a comment',
  )
  t.equal(await page.textContent('#inspector-info-hash'), made.metainfo.infoHash.toString('hex'))
  t.match(await page.textContent('#inspector-info-size'), /100\.0 kB/)

  await page.click('#inspector-tab-files')
  await page.waitForSelector('#inspector_file_list >> text=one')
  await page.click(
    '#inspector_file_list [class^=inspector_torrent_file_list_entry]:has(> .inspector_torrent_file_list_entry_name:has-text("two")) .file_wanted_control',
  )
  await page.waitForFunction(() => document.querySelectorAll('#inspector_file_list .skip').length === 1)
  await pollUntil(() => session.torrents[0]!.record.priorities.off === '1')

  await page.click('#toolbar-pause')
  await pollUntil(() => session.torrents[0]!.intent === 'stopped')
  await page.waitForSelector('#torrent_list .torrent_peer_details >> text=Paused')

  await page.click('#toolbar-remove')
  await page.click('#dialog_confirm_button')
  await pollUntil(() => session.torrents.length === 1)
  t.equal(session.torrents[0]!.name, 'another')
  t.strictSame(failures, [])
  checkTested(t, 'Transmission', 'page', called)
})

t.test('files of the page: only those below its directory', { skip }, async t => {
  const { base } = await openRemote(t, { control: { webDirectory: PAGE_DIRECTORY } })
  const get = (path: string) => fetch(`${base}/transmission/web/${path}`)
  t.match((await get('')).headers.get('content-type'), /^text\/html/)
  t.equal((await get('javascript/main.js')).status, 200)
  for (const path of [
    'nothing',
    '..%2f..%2f..%2fetc%2fpasswd',
    '%2e%2e/%2e%2e/etc/passwd',
    'javascript',
    'a%00b',
    '..%5cx',
  ])
    t.equal((await get(path)).status, 404, path)
})
