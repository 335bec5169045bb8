import { wrapItems } from '../api/send-json.ts'
import { toLegacy } from './key-names.ts'
import type { MethodReply } from './rpc-context.ts'
import type { RpcError } from './rpc-error.ts'
import type { Dialect, RpcRequest } from './rpc-request.ts'

/** Returns a successful reply, in parts. */
export function formatReply(
  { dialect, id }: RpcRequest,
  { list, style = 'camel', value }: MethodReply = { value: {} },
): AsyncIterable<string> {
  const body = JSON.stringify(dialect === 'legacy' ? toLegacy(value, style) : value)
  const [before, after] =
    dialect === 'legacy'
      ? ['{"arguments":', `,"result":"success"${id === undefined ? '' : `,"tag":${JSON.stringify(id)}`}}`]
      : [`{"jsonrpc":"2.0","result":`, `,"id":${JSON.stringify(id ?? null)}}`]
  if (!list) return onePart(`${before}${body}${after}`)
  const start = body === '{}' ? '{' : `${body.slice(0, -1)},`
  return wrapItems(`${before}${start}${JSON.stringify(list.key)}:[`, list.items, `]}${after}`)
}

/** Returns a reply with an error. */
export function formatError(dialect: Dialect, id: unknown, { code, message }: RpcError): string {
  if (dialect === 'legacy')
    return JSON.stringify({ arguments: {}, result: message, ...(id === undefined ? {} : { tag: id }) })
  return JSON.stringify({
    jsonrpc: '2.0',
    error: { code, message, data: { error_string: message } },
    id: id ?? null,
  })
}

/** An iterable of one part. */
export async function* onePart(part: string): AsyncGenerator<string> {
  yield part
}
