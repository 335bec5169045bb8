import { type ComponentChildren, createContext } from 'preact'
import { useCallback, useContext, useRef, useState } from 'preact/hooks'

/** Milliseconds that a notice stays. */
const NOTICE_MS = 6000

interface Notice {
  readonly id: number
  readonly text: string
  readonly isError: boolean
}

type Notify = (text: string, options?: { readonly isError?: boolean }) => void

const NoticeContext = createContext<Notify>(() => {})

/** Returns a function that shows a sentence for a while. */
export function useNotify(): Notify {
  return useContext(NoticeContext)
}

/** Shows the notices of what is inside. Screen readers read them. */
export function Notices({ children }: { children: ComponentChildren }) {
  const [notices, setNotices] = useState<readonly Notice[]>([])
  const last = useRef(0)
  const notify = useCallback<Notify>((text, { isError = false } = {}) => {
    const id = ++last.current
    setNotices(notices => [...notices.slice(-2), { id, text, isError }])
    setTimeout(() => setNotices(notices => notices.filter(notice => notice.id !== id)), NOTICE_MS)
  }, [])
  return (
    <NoticeContext.Provider value={notify}>
      {children}
      <div class="notices" role="status">
        {notices.map(({ id, isError, text }) => (
          <p key={id} class={isError ? 'notice is-error' : 'notice'}>
            {text}
          </p>
        ))}
      </div>
    </NoticeContext.Provider>
  )
}
