/** The live page in Chromium, for tests and for the pictures in docs/images. */
import { mkdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import type { Test } from 'tap'
import type { Client } from '../../src/pipeline/client.ts'
import { systemClock } from '../../src/ports/clock.ts'
import { readSmallFile } from '../../src/ports/file-system.ts'
import type { HttpApi } from '../../src/server/api/http-api.ts'
import { Bodies } from '../../src/server/api/read-body.ts'
import { HttpServer } from '../../src/server/http-server.ts'
import { LivePage, type LivePageContext } from '../../src/server/page/live-page.ts'
import { PageAssets } from '../../src/server/page/page-assets.ts'
import { Previews } from '../../src/server/page/previews.ts'
import type { Session } from '../../src/session/session.ts'
import { without } from './counterparts/process.ts'
import { inProject } from './project.ts'

const CHROMIUM_PATH = '/usr/bin/chromium'
const AXE_PATH = createRequire(import.meta.url).resolve('axe-core/axe.min.js')
/** The built page. */
export const PAGE_DIRECTORY = inProject('dist/page')
/** A reason to skip tests without Chromium. */
export const withoutChromium = without(CHROMIUM_PATH, '--version')

/** The screens on which each view is tested. */
export const SCREEN_SIZES = [
  { name: 'wide-light', width: 1200, height: 760, colorScheme: 'light' },
  { name: 'wide-dark', width: 1200, height: 760, colorScheme: 'dark' },
  { name: 'narrow-light', width: 400, height: 760, colorScheme: 'light' },
  { name: 'narrow-dark', width: 400, height: 760, colorScheme: 'dark' },
] as const
export type Screen = (typeof SCREEN_SIZES)[number]

/** Starts Chromium until the end of a test. */
export async function openBrowser(t: Test): Promise<Browser> {
  const browser = await chromium.launch({ executablePath: CHROMIUM_PATH, args: ['--no-sandbox'] })
  t.teardown(() => browser.close())
  return browser
}

/** Serves a page until the end of a test. @returns the base of its URLs, without a slash at the end */
export async function servePage(t: Test, page: HttpApi): Promise<string> {
  const server = await new HttpServer(new Map(), { page }).listen()
  t.teardown(() => server.close())
  return new URL(server.url).origin
}

/**
 * Serves a page with these topics, and with the actions of `opened`, if given.
 * @returns its base, and the number of its open streams
 */
export async function serveLivePage(
  t: Test,
  topics: Pick<LivePageContext, 'open' | 'torrents'>,
  opened: { readonly client: Client; readonly session: Session } | undefined,
) {
  const page = new LivePage({
    ...topics,
    session: opened?.session,
    previews: opened && new Previews({ ...opened, torrentOptions: {}, clock: systemClock }),
    assets: new PageAssets(readSmallFile, PAGE_DIRECTORY),
    bodies: new Bodies(),
    clock: systemClock,
    now: () => Date.now(),
    warn: error => t.fail(String(error)),
  })
  let streams = 0
  const counted: HttpApi = {
    owns: names => page.owns(names),
    answer: exchange => {
      if (exchange.target.names[1] === 'updates') {
        streams++
        exchange.response.once('close', () => streams--)
      }
      return page.answer(exchange)
    },
    close: () => page.close(),
  }
  return { base: await servePage(t, counted), streams: () => streams }
}

/** Opens a URL on a screen. Errors of the page and refused requests fail the test. */
export async function openScreen(t: Test, browser: Browser, url: string, screen: Screen): Promise<Page> {
  const { colorScheme, height, width } = screen
  const context: BrowserContext = await browser.newContext({
    ...{ colorScheme, viewport: { width, height }, locale: 'en-GB', reducedMotion: 'reduce' },
    // the content security policy of the page applies in the test too
    bypassCSP: false,
  })
  const page = await context.newPage()
  page.on('pageerror', error => t.fail(`${screen.name}: ${error.message}`))
  page.on('console', message => {
    if (message.type() === 'error') t.fail(`${screen.name}: ${message.text()}`)
  })
  await page.goto(url)
  return page
}

/** Fails for each rule of WCAG 2 A and AA that axe finds violated: contrast, names, roles. */
export async function checkAccessibility(t: Test, page: Page, where: string): Promise<void> {
  // a string that is evaluated is not subject to the policy of the page
  const { readFileSync } = await import('node:fs')
  await page.evaluate(readFileSync(AXE_PATH, 'utf8'))
  const violations = await page.evaluate(async () => {
    // biome-ignore lint/suspicious/noExplicitAny: axe is added to the page
    const { axe } = globalThis as any
    const results = await axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] })
    // biome-ignore lint/suspicious/noExplicitAny: results of axe
    return results.violations.flatMap(({ id, nodes }: any) =>
      // biome-ignore lint/suspicious/noExplicitAny: results of axe
      nodes.slice(0, 4).map((node: any) => `${id}: ${node.html.slice(0, 160)} ${node.failureSummary}`),
    ) as string[]
  })
  t.strictSame(violations, [], `${where}: accessible`)
}

/** Saves a picture of the page if TSDL_SCREENSHOTS names a directory. */
export async function takePicture(page: Page, name: string): Promise<void> {
  const directory = process.env.TSDL_SCREENSHOTS
  if (!directory) return
  const path = `${directory}/${name}.png`
  mkdirSync(dirname(path), { recursive: true })
  await page.screenshot({ path, scale: 'css' })
}

/** The widest element that is cut off by the screen, which a page must not have; undefined for none. */
export function findOverflow(page: Page): Promise<string | undefined> {
  return page.evaluate(() => {
    const { clientWidth, scrollWidth } = document.documentElement
    return scrollWidth > clientWidth ? `${scrollWidth} of ${clientWidth} pixels` : undefined
  })
}
