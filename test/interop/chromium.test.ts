import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { chromium } from 'playwright-core'
import t, { type Test } from 'tap'
import { MEDIA_FILE, serveMedia } from '../helpers/counterparts/media.ts'
import { without } from '../helpers/counterparts/process.ts'

/** The limits are generous, because other tests run beside this one. The measured times are printed. */
const SLOWER_FACTOR = process.env.CI ? 3 : 1
/** Maximum milliseconds from a request, or a seek, until the film plays; and until the bytes of a range arrive. */
const PLAY_MS = 1000 * SLOWER_FACTOR
const RANGE_MS = 500 * SLOWER_FACTOR
/** Chromium of Debian. */
const CHROMIUM_PATH = '/usr/bin/chromium'
/** A position in seconds that is far from all bytes that were read. */
const FAR_SECONDS = MEDIA_FILE.seconds - 10

/** The times that the page of a media element measured, in milliseconds. */
interface Figures {
  readonly canPlay: number
  readonly plays: number
  readonly seeks: number
  readonly duration: number
}

/**
 * Runs in a page: plays `src`, or the media of the document itself, then seeks to `far` and plays there. The clock
 * starts with the request. For a document that is the start of its navigation.
 */
async function playAndSeek({
  src,
  farSeconds,
}: {
  src: string | undefined
  farSeconds: number
}): Promise<Figures> {
  const media = document.querySelector('video') ?? document.body.appendChild(document.createElement('audio'))
  // checked in every frame, because `timeupdate` is emitted only four times a second
  const whenMet = (is: () => boolean) =>
    new Promise<number>((resolve, reject) => {
      const look = () => {
        if (is()) resolve(performance.now())
        else if (media.error) reject(new Error(media.error.message))
        else requestAnimationFrame(look)
      }
      look()
    })
  const begun = src === undefined ? 0 : performance.now()
  media.muted = true
  if (src !== undefined) media.src = src
  const ready = whenMet(() => media.readyState >= 3)
  const moving = whenMet(() => media.currentTime > 0)
  await media.play()
  const [canPlay, plays] = await Promise.all([ready, moving])
  const seekStart = performance.now()
  media.currentTime = farSeconds
  const seeks = await whenMet(() => !media.seeking && media.currentTime > farSeconds)
  return {
    canPlay: canPlay - begun,
    plays: plays - begun,
    seeks: seeks - seekStart,
    duration: media.duration,
  }
}

async function openPage(t: Test) {
  const browser = await chromium.launch({
    executablePath: CHROMIUM_PATH,
    args: ['--no-sandbox', '--autoplay-policy=no-user-gesture-required'],
  })
  t.teardown(() => browser.close())
  return browser.newPage()
}

function judge(t: Test, figures: Figures) {
  t.comment(JSON.stringify(figures))
  t.ok(figures.plays < PLAY_MS, `plays after ${figures.plays} ms`)
  t.ok(figures.seeks < PLAY_MS, `plays after ${figures.seeks} ms at the far end`)
  t.equal(Math.round(figures.duration), MEDIA_FILE.seconds)
}

const skip = without(CHROMIUM_PATH, '--version')

t.test(
  'Chromium that is redirected to a file plays it, and seeks to data that was not read before',
  { skip },
  async t => {
    const page = await openPage(t)
    const { url } = await serveMedia(t)
    await page.goto(new URL('/', url).href) // from a page with a link to it
    await page.goto(url, { waitUntil: 'commit' })
    judge(t, await page.evaluate(playAndSeek, { src: undefined, farSeconds: FAR_SECONDS }))
  },
)

t.test('a page of another origin plays a file by its token', { skip }, async t => {
  const page = await openPage(t)
  const { url } = await serveMedia(t, ['--token', 'sesame'])
  judge(t, await page.evaluate(playAndSeek, { src: url, farSeconds: FAR_SECONDS }))
})

t.test('curl gets a range that was not read before', { skip: without('curl', '--version') }, async t => {
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
    t.ok(took < RANGE_MS, `${took} ms`)
  }
})
