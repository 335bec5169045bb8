import { useId, useState } from 'preact/hooks'

const KILOBYTE_BYTES = 1000

/** A limit as the user sets it: bytes per second, or none. */
export type RateLimit = { readonly enabled: boolean; readonly value: number }

/** A checkbox and a number of kB/s. */
export function RateLimitField({
  initial,
  label,
  onChange,
}: {
  initial: number | undefined
  label: string
  onChange: (limit: RateLimit) => void
}) {
  const id = useId()
  const [enabled, setEnabled] = useState(initial !== undefined)
  const [text, setText] = useState(String(Math.round((initial ?? 1_000_000) / KILOBYTE_BYTES)))
  const change = (nextEnabled: boolean, nextText: string) => {
    setEnabled(nextEnabled)
    setText(nextText)
    const value = Math.max(1, Math.round(Number(nextText) || 1)) * KILOBYTE_BYTES
    onChange({ enabled: nextEnabled, value })
  }
  return (
    <div class="limit-field">
      <label>
        <input
          type="checkbox"
          checked={enabled}
          onChange={event => change(event.currentTarget.checked, text)}
        />
        {label}
      </label>
      <span>
        <input
          id={id}
          type="number"
          min={1}
          inputMode="numeric"
          aria-label={`${label}, in kB/s`}
          value={text}
          disabled={!enabled}
          onInput={event => change(enabled, event.currentTarget.value)}
        />{' '}
        kB/s
      </span>
    </div>
  )
}
