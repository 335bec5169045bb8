import { setMaxListeners } from 'node:events'

/** Creates an AbortController for any number of listeners. Node warns of the eleventh by default. */
export function unboundedAbortController(): AbortController {
  const control = new AbortController()
  setMaxListeners(0, control.signal)
  return control
}
