import { Icon } from '../parts/icon.tsx'
import { useNotify } from '../parts/notices.tsx'

/** Copies a text. @param name of the text: `Magnet link` */
export function CopyButton({
  isSmall = false,
  label,
  text,
  name,
}: {
  isSmall?: boolean
  label?: string
  text: string
  name: string
}) {
  const notify = useNotify()
  const copy = async () => {
    if (await writeClipboard(text)) notify(`${name} copied`)
    else notify(`The browser does not allow to copy: ${text}`, { isError: true })
  }
  return (
    <button
      type="button"
      class={isSmall ? 'icon-button' : 'button'}
      title={isSmall ? `Copy ${name}` : text}
      aria-label={label}
      onClick={() => void copy()}
    >
      <Icon name="copy" />
      {!isSmall && name}
    </button>
  )
}

/** Writes to the clipboard, also on a page without TLS, where browsers have the older way alone. */
async function writeClipboard(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    const field = document.createElement('textarea')
    field.value = text
    // a modal dialog would take the focus from a field outside
    const place = document.querySelector('dialog[open]') ?? document.body
    place.append(field)
    field.select()
    const isCopied = document.execCommand('copy')
    field.remove()
    return isCopied
  }
}
