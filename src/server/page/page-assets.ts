import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import type { ReadFile } from '../api/static-files.ts'
import { sendRefusal } from '../responses.ts'

/** Maximum bytes of a file of the page. */
const MAX_FILE_BYTES = 4 << 20
/** The build writes the page beside the chunks of the server. */
const BUILT_PAGE_DIRECTORY = fileURLToPath(new URL('../page/', import.meta.url))

interface Asset {
  readonly body: Uint8Array
  readonly compressed: Uint8Array
  readonly tag: string
}

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  'page.js': 'text/javascript; charset=utf-8',
  'page.css': 'text/css; charset=utf-8',
}

/** The script and the style of the page, which the build has made. They are read once. */
export class PageAssets {
  readonly #directory: string
  readonly #readFile: ReadFile
  readonly #known = new Map<string, Promise<Asset>>()

  /** @param directory @default that of the package */
  constructor(readFile: ReadFile, directory: string = BUILT_PAGE_DIRECTORY) {
    this.#directory = directory
    this.#readFile = readFile
  }

  /** Sends a file by its name. */
  async send(name: string, { headers, method }: IncomingMessage, response: ServerResponse): Promise<void> {
    const type = Object.hasOwn(CONTENT_TYPES, name) ? CONTENT_TYPES[name] : undefined
    const asset = type && (await this.#load(name).catch(() => undefined))
    if (!asset) return sendRefusal(response, 404, 'not found')
    const isCompressed = /\bgzip\b/.test(String(headers['accept-encoding'] ?? ''))
    const body = isCompressed ? asset.compressed : asset.body
    const common = { 'Cache-Control': 'no-cache', ETag: asset.tag, Vary: 'Accept-Encoding' }
    if (headers['if-none-match'] === asset.tag) {
      response.writeHead(304, common).end()
      return
    }
    response.writeHead(200, {
      ...common,
      ...(isCompressed ? { 'Content-Encoding': 'gzip' } : {}),
      ...{ 'Content-Length': body.length, 'Content-Type': type },
    })
    response.end(method === 'HEAD' ? undefined : body)
  }

  #load(name: string): Promise<Asset> {
    const known = this.#known.get(name)
    if (known) return known
    const loading = this.#read(name)
    this.#known.set(name, loading)
    loading.catch(() => this.#known.delete(name))
    return loading
  }

  async #read(name: string): Promise<Asset> {
    const body = await this.#readFile(`${this.#directory}/${name}`, MAX_FILE_BYTES)
    const hash = createHash('sha256').update(body).digest('base64url').slice(0, 16)
    return { body, compressed: gzipSync(body, { level: 9 }), tag: `"${hash}"` }
  }
}
