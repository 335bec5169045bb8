import type { ComponentChildren } from 'preact'
import { Dialog } from './dialog.tsx'

/** A window with a form, a button that cancels it, and one that submits it. */
export function FormDialog({
  children,
  isBusy = false,
  isDanger = false,
  onClose,
  onSubmit,
  submitText = 'Save',
  title,
}: {
  children: ComponentChildren
  /** True while the form cannot be submitted. */
  isBusy?: boolean
  /** True if data is lost by it. */
  isDanger?: boolean
  onClose: () => void
  onSubmit: () => Promise<void>
  submitText?: string
  title: string
}) {
  return (
    <Dialog title={title} onClose={onClose}>
      <form
        class="form"
        onSubmit={event => {
          event.preventDefault()
          void onSubmit()
        }}
      >
        {children}
        <footer class="dialog-footer">
          <button type="button" class="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class={isDanger ? 'button is-danger' : 'button is-primary'} disabled={isBusy}>
            {submitText}
          </button>
        </footer>
      </form>
    </Dialog>
  )
}
