import { formatDuration } from '../format.ts'

/** A time in the past: `3 min ago`. */
export function formatAgo(date: number, now: number): string {
  return now - date < 1500 ? 'just now' : `${formatDuration((now - date) / 1000)} ago`
}

/** A time that comes: `in 3 min`. */
export function formatIn(date: number, now: number): string {
  return date - now < 1500 ? 'now' : `in ${formatDuration((date - now) / 1000)}`
}
