import { Listener } from '../pipeline/listener.ts'

export interface ListeningOptions {
  readonly port?: number
  readonly bind?: string
  readonly listen?: boolean
}

/** A listener as the options say, listening; none with `--no-listen`. @throws InputError when the port is taken */
export async function listenerFor({
  port,
  bind,
  listen = true,
}: ListeningOptions): Promise<Listener | undefined> {
  if (!listen) return undefined
  return new Listener({
    ...(port === undefined ? {} : { port }),
    ...(bind === undefined ? {} : { bind }),
  }).listen()
}
