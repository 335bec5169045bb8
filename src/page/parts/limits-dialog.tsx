import type { ComponentChildren } from 'preact'
import { useRef } from 'preact/hooks'
import { FormDialog } from './form-dialog.tsx'
import { RateLimitField, type RateLimitValue } from './rate-limit-field.tsx'

/** The limits that the user has changed. */
export interface ChangedLimits {
  readonly down?: RateLimitValue
  readonly up?: RateLimitValue
}

/** Changes a download and an upload limit. */
export function LimitsDialog({
  children,
  hasOtherChanges = false,
  initial,
  onClose,
  onSave,
  title,
}: {
  children?: ComponentChildren
  /** True if `children` have changes to save. */
  hasOtherChanges?: boolean
  /** The limits as they are set now. */
  initial: { readonly downLimit?: number | undefined; readonly upLimit?: number | undefined } | undefined
  onClose: () => void
  /** Called if anything was changed. Resolves with undefined if that was refused. */
  onSave: (limits: ChangedLimits) => Promise<object | undefined>
  title: string
}) {
  const changes = useRef<ChangedLimits>({})
  const save = async () => {
    const { down, up } = changes.current
    if ((down || up || hasOtherChanges) && !(await onSave(changes.current))) return
    onClose()
  }
  return (
    <FormDialog title={title} onClose={onClose} onSubmit={save}>
      <RateLimitField
        label="Limit downloads"
        initial={initial?.downLimit}
        onChange={down => {
          changes.current = { ...changes.current, down }
        }}
      />
      <RateLimitField
        label="Limit uploads"
        initial={initial?.upLimit}
        onChange={up => {
          changes.current = { ...changes.current, up }
        }}
      />
      {children}
    </FormDialog>
  )
}
