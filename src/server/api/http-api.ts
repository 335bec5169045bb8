import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Target } from '../urls.ts'

/** A request to an API. Its `Host` is one of ours. */
export interface ApiExchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly target: Target
  /** True if the request carries the token or the password, or if none is needed. */
  readonly isAuthorized: boolean
  /** True if a user name and a password are valid. */
  acceptsLogin(user: string, password: string): boolean
  /** Resolves after the delay that limits guesses of a password. */
  waitForRefusal(): Promise<void>
  /** Notes that the client sent or received bytes. */
  touch(): void
  /** Aborted when the connection is closed. */
  readonly closed: AbortSignal
}

/** An API at some paths of a server. It checks methods, cross-site requests and `isAuthorized` itself. */
export interface HttpApi {
  /** True if the API answers this path. @param names the names of the path, decoded */
  owns(names: readonly string[]): boolean
  /** Answers a request. Rejects only for a fault of ours. */
  answer(exchange: ApiExchange): Promise<void>
  /** Ends responses that have no end of their own, and stops listening to the session. */
  close?(): void
}
