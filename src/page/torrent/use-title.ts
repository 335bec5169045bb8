import { useEffect } from 'preact/hooks'

/** Sets the title of the browser tab. */
export function useTitle(name: string | undefined): void {
  useEffect(() => {
    document.title = name ? `${name} – tsdl` : 'tsdl'
    return () => {
      document.title = 'tsdl'
    }
  }, [name])
}
