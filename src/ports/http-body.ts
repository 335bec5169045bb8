import type { HttpResponse } from './http-client.ts'

/** Reads a body to its end and decodes it (gzip, deflate). Rejects if it is longer than `maxBytes`, inflated or not. */
export async function readBody({ body, headers }: HttpResponse, maxBytes: number): Promise<Buffer> {
  try {
    const chunks: Uint8Array[] = []
    let length = 0
    for await (const chunk of body) {
      length += chunk.length
      if (length > maxBytes) throw new Error(`the reply is longer than ${maxBytes} bytes`)
      chunks.push(chunk)
    }
    return await inflate(Buffer.concat(chunks), headers['content-encoding'], maxBytes)
  } finally {
    body.destroy()
  }
}

async function inflate(body: Buffer, encoding: string | undefined, maxBytes: number): Promise<Buffer> {
  const name = encoding?.trim().toLowerCase() || 'identity'
  if (name === 'identity') return body
  if (!['gzip', 'x-gzip', 'deflate'].includes(name))
    throw new Error(`the reply has an unknown encoding: ${name}`)
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
