import { checkArgument } from '../../codec/check-arguments.ts'

/** A part of some days: minutes since midnight, on these days of the week (0 is Sunday). */
export interface WeeklyTimes {
  readonly from: number
  readonly to: number
  readonly days: readonly number[]
}

/** A moment of the week: the day (0 is Sunday), and the minutes since midnight. */
export interface WeekTime {
  readonly day: number
  readonly minute: number
}

/**
 * Returns true if a moment is within these times.
 *
 * A time that ends before it begins ends on the next day, and belongs to the day on which it began. One that ends at the
 * minute at which it begins lasts 24 hours.
 */
export function isWithin(times: WeeklyTimes, now: WeekTime): boolean {
  checkArgument('times', times, 'object')
  checkArgument('times.days', times.days, 'array')
  checkArgument('now', now, 'object')
  const { days, from, to } = times
  const { day, minute } = now
  if (from < to) return days.includes(day) && minute >= from && minute < to
  const isToday = days.includes(day) && minute >= from
  const isFromYesterday = days.includes((day + 6) % 7) && minute < to
  return isToday || isFromYesterday
}

/** Returns the local moment of the week of a time in milliseconds since 1970. */
export function weekTimeOf(time: number): WeekTime {
  const date = new Date(time)
  return { day: date.getDay(), minute: date.getHours() * 60 + date.getMinutes() }
}
