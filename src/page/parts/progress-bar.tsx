import { formatPart } from '../format.ts'

/** A bar for a part from 0 to 1; undefined while it is not known. */
export function ProgressBar({
  label,
  part,
  tone,
}: {
  label: string
  part: number | undefined
  tone: string
}) {
  const percent = Math.min(100, Math.max(0, (part ?? 0) * 100))
  return (
    <div
      class={`progress is-${tone}`}
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      {...(part === undefined
        ? {}
        : { 'aria-valuenow': Math.floor(percent), 'aria-valuetext': formatPart(part) })}
    >
      <div style={{ width: `${percent}%` }} />
    </div>
  )
}
