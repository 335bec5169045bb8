import { useCallback, useContext } from 'preact/hooks'
import { act } from '../live/act.ts'
import { Live } from '../live/use-live.ts'
import { useNotify } from './notices.tsx'

/** Returns a function that asks the server to do something, and shows its failure. It resolves with undefined then. */
export function useAct(): <T = object>(name: string, body: object) => Promise<T | undefined> {
  const live = useContext(Live)
  const notify = useNotify()
  return useCallback(
    async <T>(name: string, body: object) => {
      try {
        return await act<T>(live, name, body)
      } catch (error) {
        notify((error as Error).message, { isError: true })
        return undefined
      }
    },
    [live, notify],
  )
}
