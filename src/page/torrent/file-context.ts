import { createContext } from 'preact'

/** What lines of files need of their torrent. */
export interface FileContextValue {
  readonly infoHash: string
  /** True if files can be opened now. */
  readonly isReadable: boolean
  /** Changes the priority of files; undefined where that is not possible. */
  readonly setPriority: ((files: readonly number[], priority: string) => void) | undefined
}

export const FileContext = createContext<FileContextValue>({
  infoHash: '',
  isReadable: false,
  setPriority: undefined,
})
