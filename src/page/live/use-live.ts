import { createContext } from 'preact'
import { useContext, useEffect, useState } from 'preact/hooks'
import type { Welcome } from '../../server/page/documents.ts'
import type { LiveConnection, LiveState } from './live-connection.ts'

/** The connection of the page. */
export const Live = createContext<LiveConnection>(undefined as unknown as LiveConnection)

/** Returns the document of a topic, and keeps it up to date; undefined while it is not known, `gone` if there is none. */
export function useTopic<T extends object>(topic: string): T | 'gone' | undefined {
  const live = useContext(Live)
  useEffect(() => live.show(topic), [live, topic])
  return useLive(() => live.get(topic)) as T | 'gone' | undefined
}

/** Returns the first event of the server: its version, and the actions that are possible. */
function useWelcome(): Welcome | undefined {
  const live = useContext(Live)
  return useLive(() => live.welcome)
}

/** Returns a function that says if an action is possible here. */
export function useAllowed(): (action: string) => boolean {
  const welcome = useWelcome()
  return action => welcome?.actions.includes(action) ?? false
}

/** Returns the state of the connection. */
export function useConnectionState(): LiveState {
  const live = useContext(Live)
  return useLive(() => live.state)
}

/** Draws again when what `read` returns is another value. */
function useLive<T>(read: () => T): T {
  const live = useContext(Live)
  const [, redraw] = useState(0)
  const value = read()
  useEffect(() => {
    let shown = value
    const check = () => {
      const now = read()
      if (now === shown) return
      shown = now
      redraw(count => count + 1)
    }
    check()
    return live.listen(check)
  })
  return value
}
