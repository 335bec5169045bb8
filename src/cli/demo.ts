import { createHash } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { create, defaultPieceLength, parse } from '../index.ts'
import { Content } from './demo/content.ts'
import { Seed } from './demo/seed.ts'
import { startTracker } from './demo/tracker.ts'
import { isShared } from './destinations/directory.ts'
import { EXIT_CODES } from './exit.ts'
import { get } from './get.ts'
import type { GetOptions } from './get-options.ts'
import { goesToDirectory } from './open-page.ts'
import { TextReporter } from './text-reporter.ts'

/** The options of `tsdl demo`. */
export interface DemoOptions extends GetOptions {
  readonly size?: number
  readonly seeds?: number
}

/**
 * Starts a tracker and seeds on loopback, downloads from them, and prints the digest of the expected content. With a
 * page and a directory it shares until a signal.
 */
export async function runDemo({
  size = 64 << 20,
  seeds: count = 3,
  ...options
}: DemoOptions): Promise<number> {
  const pieceLength = Math.max(65536, defaultPieceLength(size))
  const content = new Content(size, pieceLength)
  const name = 'tsdl-demo.bin'
  const digest = createHash('sha256')
  const read = async function* () {
    for await (const piece of content) {
      digest.update(piece)
      yield piece
      await nextTurn() // so that Ctrl-C is handled
    }
  }
  const source = { path: [], length: size, read }
  const reporter = new TextReporter({ quiet: options.quiet === true || options.json === true })
  const { torrent } = await create({
    name,
    files: [source],
    pieceLength,
    onProgress: bytes => reporter.reportChecking(bytes, size, 'creating the content'),
  })
  reporter.close()
  const draft = parse(torrent)
  const seeds = Array.from({ length: count }, () => new Seed(draft, content))
  const addresses = await Promise.all(seeds.map(seed => seed.listen()))
  const tracker = await startTracker(addresses)
  const printDigest = () => {
    if (!options.quiet && !options.json) process.stderr.write(`sha256 ${digest.digest('hex')}  ${name}\n`)
  }
  // a user needs time to read the page, even if the download takes a second
  const staysOpen = options.page === true && goesToDirectory(options) && !isShared(options)
  try {
    if (staysOpen) printDigest()
    const demo = { ...options, ...(staysOpen ? { seed: true } : {}), dht: false, lsd: false }
    const exit = await get({ ...draft, trackers: [[tracker.url]] }, demo)
    if (exit === EXIT_CODES.ok && !staysOpen) printDigest()
    return exit
  } finally {
    tracker.close()
    for (const seed of seeds) seed.close()
  }
}
