import { useId, useState } from 'preact/hooks'

const KIBIBYTE_BYTES = 1024
const DEFAULT_LIMIT = 1024 * KIBIBYTE_BYTES

/** A limit as the user sets it: bytes per second, or none. */
export type RateLimitValue = { readonly enabled: boolean; readonly value: number }

/** A checkbox and a number of KiB/s. */
export function RateLimitField({
  initial,
  label,
  onChange,
}: {
  initial: number | undefined
  label: string
  onChange: (limit: RateLimitValue) => void
}) {
  const id = useId()
  const [enabled, setEnabled] = useState(initial !== undefined)
  const [text, setText] = useState(String(Math.round((initial ?? DEFAULT_LIMIT) / KIBIBYTE_BYTES)))
  const change = (nextEnabled: boolean, nextText: string) => {
    setEnabled(nextEnabled)
    setText(nextText)
    const value = Math.max(1, Math.round(Number(nextText) || 1)) * KIBIBYTE_BYTES
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
          aria-label={`${label}, in KiB/s`}
          value={text}
          disabled={!enabled}
          onInput={event => change(enabled, event.currentTarget.value)}
        />{' '}
        KiB/s
      </span>
    </div>
  )
}
