import { InputError, messageOf, TsdlError } from '../../errors.ts'

/** Codes of errors in JSON-RPC 2: those of the standard. */
export const RPC_CODES = {
  parse: -32700,
  request: -32600,
  method: -32601,
  arguments: -32602,
  internal: -32603,
  /** A request that is valid, and failed. */
  failed: 4,
} as const

/** A request that is answered with an error. */
export class RpcError extends Error {
  readonly code: number

  constructor(code: number, message: string) {
    super(message)
    this.code = code
  }
}

/** Returns the error to answer with. Errors that are not ours are faults, and are not described. */
export function rpcErrorOf(error: unknown): RpcError {
  if (error instanceof RpcError) return error
  if (error instanceof InputError) return new RpcError(RPC_CODES.arguments, messageOf(error))
  if (error instanceof TsdlError) return new RpcError(RPC_CODES.failed, messageOf(error))
  return new RpcError(RPC_CODES.internal, 'internal error')
}
