import type { Encryption } from '../codec/mse.ts'
import { pick } from '../pick.ts'
import { Listener } from '../pipeline/listener.ts'

export interface ListeningOptions {
  readonly port?: number
  readonly bind?: string
  readonly listen?: boolean
  readonly encryption?: Encryption
}

/** A listener as the options say, listening; none with `--no-listen`. @throws InputError when the port is taken */
export async function listenerFor(options: ListeningOptions): Promise<Listener | undefined> {
  if (options.listen === false) return undefined
  return new Listener(pick(options, 'port', 'bind', 'encryption')).listen()
}
