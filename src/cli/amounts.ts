/** Amounts in words, for reports as text. */
import prettyMs from 'pretty-ms'
import { formatByteRate as rate } from '../codec/index.ts'

export { formatByteRate as rate, formatBytes as bytes } from '../codec/index.ts'

/** Seconds of the longest time that is shown. */
const MAX_TIME_LEFT_S = 8_640_000

/** Returns seconds as the time that is left. */
export function timeLeft(seconds: number): string {
  return `${roundedTime(seconds)} left`
}

/** Returns seconds with two units at most, and without a fraction. */
export function roundedTime(seconds: number): string {
  const shown = Math.min(seconds, MAX_TIME_LEFT_S) * 1000
  return prettyMs(shown, { secondsDecimalDigits: 0, unitCount: 2 })
}

/** Returns a number with its noun: `1 peer`, `2 peers`. */
export function count(amount: number, noun: string): string {
  return `${amount} ${noun}${amount === 1 ? '' : 's'}`
}

/** Returns a rate to append to an amount; an empty text if no time has passed. */
export function averageRate(amount: number, seconds: number): string {
  return seconds > 0 ? `, ${rate(amount / seconds)}` : ''
}

/** Returns seconds with their units. */
export function duration(seconds: number): string {
  return prettyMs(seconds * 1000, { unitCount: 2 })
}

/** Returns a part in percent. */
export function percent(part: number, whole: number): string {
  return `${(whole === 0 ? 100 : Math.floor((part / whole) * 1000) / 10).toFixed(1)}%`
}
