import type { RefObject } from 'preact'
import { useLayoutEffect, useState } from 'preact/hooks'

/** Heights of a row in pixels, as `list.css` has them: on a wide screen, and on a narrow one. */
const ROW_HEIGHT = 56
const NARROW_ROW_HEIGHT = 80
const NARROW_MEDIA = matchMedia('(max-width: 720px)')
/** Rows beyond the edges that are in the document, for fast scrolling. */
const OVERSCAN_ROWS = 8

/** The rows of a list that are in sight. */
export interface Window {
  readonly first: number
  readonly last: number
  readonly rowHeight: number
}

/** Follows which rows of a scrolled list are in sight. */
export function useWindow(scroller: RefObject<HTMLElement | null>, count: number): Window {
  const [{ height, top }, setView] = useState({ height: innerHeight, top: 0 })
  const [isNarrow, setNarrow] = useState(NARROW_MEDIA.matches)
  useLayoutEffect(() => {
    const box = scroller.current!
    const look = () => setView({ height: box.clientHeight, top: box.scrollTop })
    const onNarrow = () => setNarrow(NARROW_MEDIA.matches)
    const sizes = new ResizeObserver(look)
    sizes.observe(box)
    box.addEventListener('scroll', look, { passive: true })
    NARROW_MEDIA.addEventListener('change', onNarrow)
    return () => {
      sizes.disconnect()
      box.removeEventListener('scroll', look)
      NARROW_MEDIA.removeEventListener('change', onNarrow)
    }
  }, [scroller])
  const rowHeight = isNarrow ? NARROW_ROW_HEIGHT : ROW_HEIGHT
  const first = Math.max(0, Math.floor(top / rowHeight) - OVERSCAN_ROWS)
  const last = Math.min(count - 1, Math.ceil((top + height) / rowHeight) + OVERSCAN_ROWS)
  return { first: Math.min(first, Math.max(0, last)), last, rowHeight }
}
