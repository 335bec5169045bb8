/**
 * Makes the pictures of the page in docs/images: `npm run screenshots`. The tests of the page take them, in Chromium; ffmpeg
 * reduces them to 64 colours.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** The pictures that documents show. */
const SHOWN_PICTURES = /^(?:(?:list|add-files|torrent-overview|torrent-files)-wide-(?:light|dark)|list-narrow-light)\.png$/
const TARGET_DIRECTORY = 'docs/images'
const PALETTE_FILTER = 'split[a][b];[a]palettegen=max_colors=64[p];[b][p]paletteuse=dither=none'

const directory = mkdtempSync(join(tmpdir(), 'tsdl-pictures-'))
try {
  const tests = readdirSync('build/test/interop').filter(name => /^page-.*\.test\.js$/.test(name))
  for (const test of tests)
    execFileSync(process.execPath, [`build/test/interop/${test}`], {
      env: { ...process.env, TSDL_SCREENSHOTS: directory, TAP_TIMEOUT: '300' },
      stdio: ['ignore', 'inherit', 'inherit'],
    })
  mkdirSync(TARGET_DIRECTORY, { recursive: true })
  for (const name of readdirSync(directory).filter(name => SHOWN_PICTURES.test(name))) {
    const options = ['-loglevel', 'error', '-y', '-i', join(directory, name), '-vf', PALETTE_FILTER]
    execFileSync('ffmpeg', [...options, '-frames:v', '1', join(TARGET_DIRECTORY, name)])
    console.log(join(TARGET_DIRECTORY, name))
  }
} finally {
  rmSync(directory, { recursive: true })
}
