import { useEffect, useState } from 'preact/hooks'
import { findLinks, type GivenTorrents } from './given-torrents.ts'

/** Takes torrents that are pasted or dropped anywhere on the page. @returns true while something is dragged over it */
export function useGivenTorrents(isEnabled: boolean, onGiven: (given: GivenTorrents) => void): boolean {
  const [isDropping, setDropping] = useState(false)
  useEffect(() => {
    if (!isEnabled) return undefined
    const take = (data: DataTransfer | null): boolean => {
      const files = [...(data?.files ?? [])]
      const links = findLinks(data?.getData('text/plain') ?? '')
      if (files.length === 0 && links.length === 0) return false
      onGiven({ files, links })
      return true
    }
    const onPaste = (event: ClipboardEvent) => {
      const isTyping = event.target instanceof Element && event.target.closest('input, textarea, dialog')
      if (!isTyping && take(event.clipboardData)) event.preventDefault()
    }
    const onDragOver = (event: DragEvent) => {
      event.preventDefault()
      setDropping(true)
    }
    const onDragLeave = (event: DragEvent) => {
      if (event.relatedTarget === null) setDropping(false)
    }
    const onDrop = (event: DragEvent) => {
      event.preventDefault()
      setDropping(false)
      take(event.dataTransfer)
    }
    const listeners = { paste: onPaste, dragover: onDragOver, dragleave: onDragLeave, drop: onDrop }
    const entries = Object.entries(listeners) as [string, EventListener][]
    for (const [name, listener] of entries) addEventListener(name, listener)
    return () => {
      for (const [name, listener] of entries) removeEventListener(name, listener)
    }
  }, [isEnabled, onGiven])
  return isDropping
}
