import { readKeys, toSnakeCase } from './key-names.ts'
import { RPC_CODES, RpcError } from './rpc-error.ts'

/** The dialect of a request, which its reply has too. */
export type Dialect = 'legacy' | 'json-rpc'

/** A request of either dialect. */
export interface RpcRequest {
  readonly dialect: Dialect
  /** In snake_case. */
  readonly method: string
  /** The keys at the top are in snake_case. */
  readonly parameters: Readonly<Record<string, unknown>>
  /** The `tag` or `id`; undefined for none. */
  readonly id: unknown
}

/** Parses a body. @throws RpcError if it is not JSON */
export function parseBody(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new RpcError(RPC_CODES.parse, 'the body is not JSON')
  }
}

/**
 * Reads one request. It is JSON-RPC 2 if it says so.
 * @throws RpcError if it is no request
 */
export function readRequest(value: unknown): RpcRequest {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new RpcError(RPC_CODES.request, 'expected an object')
  const { arguments: given, id, jsonrpc, method, params, tag } = value as Record<string, unknown>
  const dialect = jsonrpc === '2.0' ? 'json-rpc' : 'legacy'
  if (typeof method !== 'string') throw new RpcError(RPC_CODES.request, 'no method name')
  const parameters = (dialect === 'json-rpc' ? params : given) ?? {}
  if (typeof parameters !== 'object' || Array.isArray(parameters))
    throw new RpcError(RPC_CODES.arguments, 'expected an object of arguments')
  return {
    dialect,
    method: toSnakeCase(method),
    parameters: readKeys(parameters),
    id: readId(dialect === 'json-rpc' ? id : tag),
  }
}

/** Returns the id of a reply: that of the request, if it is one. */
export function readId(value: unknown): string | number | null | undefined {
  return typeof value === 'string' || typeof value === 'number' || value === null ? value : undefined
}
