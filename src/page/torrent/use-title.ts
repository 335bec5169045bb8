import { useEffect } from 'preact/hooks'

/** Names the page in the tab of the browser. */
export function useTitle(name: string | undefined): void {
  useEffect(() => {
    document.title = name ? `${name} – tsdl` : 'tsdl'
    return () => {
      document.title = 'tsdl'
    }
  }, [name])
}
