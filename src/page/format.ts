/** Amounts as text. */
import { formatByteRate, formatBytes } from '../codec/byte-amounts.ts'

export { formatBytes }

/** A rate in bytes per second: `1.23 MiB/s`; nothing for none. */
export function formatRate(rate: number): string {
  return rate < 1 ? '' : formatByteRate(rate)
}

/** A part of a whole from 0 to 1: `45%`. It is 100% only if it is whole. */
export function formatPart(part: number): string {
  if (part >= 1) return '100%'
  const percent = Math.min(99.9, part * 100)
  return `${percent < 10 && percent > 0 ? Math.max(0.1, Math.floor(percent * 10) / 10) : Math.floor(percent)}%`
}

/** A time in seconds with its two largest units: `3 h 20 min`. */
export function formatDuration(seconds: number): string {
  if (seconds < 60) return `${Math.max(1, Math.round(seconds))} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 60) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  if (hours < 24) return joinUnits(hours, 'h', minutes % 60, 'min')
  const days = Math.floor(hours / 24)
  if (days < 100) return joinUnits(days, 'd', hours % 24, 'h')
  return 'over 100 d'
}

/** A ratio of bytes sent to bytes received: `1.25`. */
export function formatRatio(ratio: number): string {
  return ratio >= 100 ? String(Math.round(ratio)) : ratio.toFixed(ratio >= 10 ? 1 : 2)
}

/** A count with its noun: `1 peer`, `2 peers`. */
export function formatCount(count: number, noun: string): string {
  return `${count.toLocaleString('en')} ${noun}${count === 1 ? '' : 's'}`
}

/** Makes a sentence of words that begin with a small letter: `no peers are known`. */
export function formatSentence(words: string): string {
  return words.charAt(0).toUpperCase() + words.slice(1) + (/[.!?…]$/.test(words) ? '' : '.')
}

function joinUnits(large: number, unit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large} ${unit}` : `${large} ${unit} ${small} ${smallUnit}`
}
