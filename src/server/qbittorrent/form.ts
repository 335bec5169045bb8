import type { IncomingMessage } from 'node:http'
import { RequestError } from './request-error.ts'

/** Fields of a request: those of the query, and those of the body. */
export interface Form {
  readonly fields: ReadonlyMap<string, string>
  /** The bytes of files, in their order. */
  readonly files: readonly Uint8Array[]
}

/** Maximum number of parts of a multipart body. */
const MAX_PARTS = 1000

/**
 * Reads a body: a form in URL encoding, or in parts (RFC 7578).
 * @throws RequestError for a body that is neither
 */
export async function parseForm(
  { headers }: IncomingMessage,
  body: Buffer,
  query: URLSearchParams,
): Promise<Form> {
  const type = headers['content-type'] ?? ''
  if (!type.startsWith('multipart/form-data'))
    return { fields: new Map([...query, ...new URLSearchParams(body.toString())]), files: [] }
  const response = new Response(new Uint8Array(body), { headers: { 'content-type': type } })
  const parts = await response.formData().catch(() => {
    throw new RequestError(400, 'the body is not a form')
  })
  const fields = new Map(query)
  const files: Uint8Array[] = []
  let count = 0
  for (const [name, value] of parts) {
    if (++count > MAX_PARTS) throw new RequestError(400, `more than ${MAX_PARTS} parts`)
    if (typeof value === 'string') fields.set(name, value)
    else files.push(new Uint8Array(await value.arrayBuffer()))
  }
  return { fields, files }
}
