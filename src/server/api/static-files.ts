import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'
import mime from 'mime'
import { sendRefusal } from '../responses.ts'

/** Maximum bytes of a file of a page. */
const MAX_FILE_BYTES = 16 << 20

/** Reads a file. Rejects with a system error (`code`). */
export type ReadFile = (path: string, maxLength: number) => Promise<Uint8Array>

/** Serves the files of a web page from a directory that the user names. */
export class StaticFiles {
  readonly #directory: string
  readonly #readFile: ReadFile

  constructor(directory: string, readFile: ReadFile) {
    this.#directory = directory
    this.#readFile = readFile
  }

  /** Sends the file at a path; `index.html` for a directory. @param names the names of the path, decoded */
  async send(names: readonly string[], { method }: IncomingMessage, response: ServerResponse): Promise<void> {
    if (method !== 'GET' && method !== 'HEAD')
      return sendRefusal(response, 405, 'only GET and HEAD are allowed', { Allow: 'GET, HEAD' })
    const path = names.at(-1) === '' ? [...names.slice(0, -1), 'index.html'] : names
    // The names come from the path of a URL, in which `..` was resolved already if a browser sent it.
    if (path.some(name => /^\.{0,2}$|[/\\\0]/.test(name))) return sendRefusal(response, 404, 'not found')
    let body: Uint8Array
    try {
      body = await this.#readFile(join(this.#directory, ...path), MAX_FILE_BYTES)
    } catch {
      return sendRefusal(response, 404, 'not found')
    }
    const type = mime.getType(path.at(-1)!) ?? 'application/octet-stream'
    response.writeHead(200, {
      'Cache-Control': 'no-cache',
      'Content-Length': body.length,
      'Content-Type': type.startsWith('text/') ? `${type}; charset=utf-8` : type,
      'X-Frame-Options': 'SAMEORIGIN',
    })
    response.end(method === 'HEAD' ? undefined : body)
  }
}
