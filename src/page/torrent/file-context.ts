import { createContext } from 'preact'

/** The state of a torrent that the lines of its files need. */
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
