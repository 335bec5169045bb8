import type { RefObject } from 'preact'
import { useEffect, useRef } from 'preact/hooks'

/** Milliseconds until a file is requested again after the server ended a response. */
const RETRY_MS = 2000

/** Returns a function for errors of a film. It requests the file again unless the browser cannot play it; then it calls `onFailed`. */
export function useMediaRetry(
  media: RefObject<HTMLMediaElement | null>,
  url: string,
  onFailed: () => void,
): () => void {
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined)
  useEffect(() => () => clearTimeout(timer.current), [])
  return async () => {
    const { code } = media.current?.error ?? {}
    // a refusal of the server and a file that cannot be decoded are the same error
    const isServed = await fetch(url, { method: 'HEAD' }).then(
      ({ ok }) => ok,
      () => false,
    )
    if (isServed && code !== MediaError.MEDIA_ERR_NETWORK) return onFailed()
    timer.current = setTimeout(() => {
      const element = media.current
      if (!element) return
      const { currentTime } = element
      element.load()
      element.currentTime = currentTime
    }, RETRY_MS)
  }
}
