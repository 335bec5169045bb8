import { setMaxListeners } from 'node:events'

/** An AbortController that any number of announces may wait on: Node would warn of the eleventh. */
export function unboundedAbortController(): AbortController {
  const control = new AbortController()
  setMaxListeners(0, control.signal)
  return control
}
