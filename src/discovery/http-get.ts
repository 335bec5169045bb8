import type { IncomingMessage } from 'node:http'

/** What a GET brought back; `body` is decoded (gzip) and within the limit. */
export interface HttpReply {
  readonly status: number
  readonly location: string | undefined
  readonly body: Buffer
}

export interface HttpGetOptions {
  readonly headers: Readonly<Record<string, string>>
  /** Ends the exchange, whatever it waits for. */
  readonly signal: AbortSignal
  /** Most bytes of a body, on the wire as well as inflated. */
  readonly maxBytes: number
}

/** One GET without redirects, caches or kept sockets; rejects with the system's error or a plain one. */
export type HttpGet = (url: URL, options: HttpGetOptions) => Promise<HttpReply>

/**
 * HttpGet on node:http and node:https. Not `fetch`: its first use costs 35 ms of CPU and 12 MB more
 * than these modules do, it keeps sockets alive behind our back and refuses a list of ports.
 */
export const httpGet: HttpGet = async (url, { headers, signal, maxBytes }) => {
  signal.throwIfAborted()
  // Imported at first use: a run that meets no tracker pays nothing, one of plain http no TLS.
  const { request } = url.protocol === 'https:' ? await import('node:https') : await import('node:http')
  signal.throwIfAborted()
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const out = request(url, {
      agent: false,
      headers: { 'Accept-Encoding': 'gzip', Connection: 'close', ...headers },
      signal,
    })
    // Stays for as long as the request: an error after the response must find a listener, too.
    out.on('error', reject)
    out.on('response', resolve)
    out.end()
  })
  try {
    const body = await collect(response, maxBytes)
    return {
      status: response.statusCode ?? 0,
      location: response.headers.location,
      body: await inflate(body, response.headers['content-encoding'], maxBytes),
    }
  } finally {
    response.destroy()
  }
}

async function collect(response: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > maxBytes) throw new Error(`the reply is longer than ${maxBytes} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

async function inflate(body: Buffer, encoding: string | undefined, maxBytes: number): Promise<Buffer> {
  const name = encoding?.trim().toLowerCase() || 'identity'
  if (name === 'identity') return body
  if (!['gzip', 'x-gzip', 'deflate'].includes(name))
    throw new Error(`the reply's encoding is unknown: ${name}`)
  if (body.length === 0) throw new Error(`the reply is empty where ${name} was promised`)
  const { unzip } = await import('node:zlib')
  return new Promise((resolve, reject) => {
    unzip(body, { maxOutputLength: maxBytes }, (error, data) => {
      if (!error) resolve(data)
      else if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE')
        reject(new Error(`the reply inflates to more than ${maxBytes} bytes`))
      else reject(new Error(`the reply's ${name} is broken: ${error.message}`, { cause: error }))
    })
  })
}
