import type { RefObject } from 'preact'
import { useEffect, useRef } from 'preact/hooks'

/** Milliseconds until a file is requested again after the server ended a response. */
const RETRY_MS = 2000

/** Errors in a row after which the browser cannot play a file that the server sends. */
const MAX_FAILURES = 2

/** The handlers that a player calls. */
export interface MediaRetry {
  /** After an error: requests the file again, unless the browser cannot play it. */
  readonly onError: () => void
  /** When there are frames: forgets earlier errors. */
  readonly onReady: () => void
}

/** Requests a film again when the server ended its response. @param onFailed called if the browser cannot play it */
export function useMediaRetry(
  media: RefObject<HTMLMediaElement | null>,
  url: string,
  onFailed: () => void,
): MediaRetry {
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined)
  const failures = useRef(0)
  useEffect(() => () => clearTimeout(timer.current), [])
  const retry = async () => {
    const { code } = media.current?.error ?? {}
    // a refusal of the server and a file that cannot be decoded are the same error
    const isServed = await fetch(url, { method: 'HEAD' }).then(
      ({ ok }) => ok,
      () => false,
    )
    // the refusal may be over by now, so the first error does not count
    if (isServed && code !== MediaError.MEDIA_ERR_NETWORK && ++failures.current >= MAX_FAILURES)
      return onFailed()
    clearTimeout(timer.current)
    timer.current = setTimeout(() => {
      const element = media.current
      if (!element) return
      const { currentTime } = element
      element.load()
      element.currentTime = currentTime
    }, RETRY_MS)
  }
  return {
    onError: () => void retry(),
    onReady: () => {
      failures.current = 0
    },
  }
}
