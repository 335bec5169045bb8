import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { chromium } from 'playwright-core'
import t, { type Test } from 'tap'
import { MEDIA, serveMedia } from '../helpers/counterparts/media.ts'
import { without } from '../helpers/counterparts/process.ts'

/** Milliseconds from a request, or a seek, until it plays; and until the bytes of a range are there. */
const PLAYS = 1000
const RANGE = 500
/** Debian's. */
const CHROMIUM = '/usr/bin/chromium'
/** Seconds into the file that nothing near was read of. */
const FAR = MEDIA.seconds - 10

/** What a media element's own page has measured, in milliseconds. */
interface Figures {
  readonly canPlay: number
  readonly plays: number
  readonly seeks: number
  readonly duration: number
}

/**
 * In a page: plays `src`, or what the document itself plays, then seeks to `far` and plays there.
 * The clock starts with the request: for a document that is when its navigation began.
 */
async function playAndSeek({ src, far }: { src: string | undefined; far: number }): Promise<Figures> {
  const media = document.querySelector('video') ?? document.body.appendChild(document.createElement('audio'))
  const until = (name: string, is: () => boolean) =>
    new Promise<number>((resolve, reject) => {
      const heard = () => is() && resolve(performance.now())
      heard()
      media.addEventListener(name, heard)
      media.addEventListener('error', () => reject(new Error(media.error?.message)))
    })
  const begun = src === undefined ? 0 : performance.now()
  media.muted = true
  if (src !== undefined) media.src = src
  const ready = until('canplay', () => media.readyState >= 3)
  const moving = until('timeupdate', () => media.currentTime > 0)
  await media.play()
  const [canPlay, plays] = await Promise.all([ready, moving])
  const sought = performance.now()
  media.currentTime = far
  const seeks = await until('timeupdate', () => !media.seeking && media.currentTime > far)
  return {
    canPlay: canPlay - begun,
    plays: plays - begun,
    seeks: seeks - sought,
    duration: media.duration,
  }
}

async function openPage(t: Test) {
  const browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: ['--no-sandbox', '--autoplay-policy=no-user-gesture-required'],
  })
  t.teardown(() => browser.close())
  return browser.newPage()
}

function judge(t: Test, figures: Figures) {
  t.comment(JSON.stringify(figures))
  t.ok(figures.plays < PLAYS, `plays after ${figures.plays} ms`)
  t.ok(figures.seeks < PLAYS, `plays after ${figures.seeks} ms at the far end`)
  t.equal(Math.round(figures.duration), MEDIA.seconds)
}

const skip = without(CHROMIUM, '--version')

t.test('Chromium, sent to a file: it plays, and seeks to what nobody has read', { skip }, async t => {
  const page = await openPage(t)
  const { url } = await serveMedia(t)
  await page.goto(url, { waitUntil: 'commit' })
  judge(t, await page.evaluate(playAndSeek, { src: undefined, far: FAR }))
})

t.test('a page from elsewhere plays a file whose token it knows', { skip }, async t => {
  const page = await openPage(t)
  const { url } = await serveMedia(t, ['--token', 'sesame'])
  judge(t, await page.evaluate(playAndSeek, { src: url, far: FAR }))
})

t.test('curl has a range of what nobody has read', { skip: without('curl', '--version') }, async t => {
  const { url, bytes } = await serveMedia(t)
  for (const part of [0, 0.9, 0.3, 0.31]) {
    const start = Math.floor(part * bytes.length)
    const begun = performance.now()
    const { stdout } = await promisify(execFile)('curl', ['-sSf', '-r', `${start}-${start + 99_999}`, url], {
      encoding: 'buffer',
      maxBuffer: 1 << 20,
    })
    const took = performance.now() - begun
    t.comment(`${start}: ${took.toFixed(0)} ms`)
    t.ok(stdout.equals(bytes.subarray(start, start + 100_000)))
    t.ok(took < RANGE, `${took} ms`)
  }
})
