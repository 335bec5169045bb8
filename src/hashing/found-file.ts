import { isAbsolute, sep } from 'node:path'
import { Readable } from 'node:stream'
import type { SourceFile } from '../metainfo/source-file.ts'

/** Properties of a `FoundFile`. */
export interface FoundFileOptions {
  readonly executable?: boolean
  readonly target?: string
  readonly content?: Uint8Array
  readonly contentOffset?: number
}

/**
 * A regular file or a symlink in a directory, to include in a torrent. Threads read it. There may be half a million, so each
 * is one object.
 */
export class FoundFile implements SourceFile {
  /** The names of the directories below the listed one, and of the file, as `nameOfBytes` returns them. */
  readonly path: readonly string[]
  /** Bytes; 0 for a symlink. */
  readonly length: number
  /** True if its owner may execute it, and attributes were asked for. */
  readonly executable: boolean
  /** The target of a symlink as it is stored, if attributes were asked for. */
  readonly target: string | undefined
  /** Its bytes, from `contentOffset` on, if they were read. */
  readonly content: Uint8Array | undefined
  readonly contentOffset: number

  constructor(path: readonly string[], length: number, options: FoundFileOptions = {}) {
    const { content, contentOffset = 0, executable = false, target } = options
    this.path = path
    this.content = content
    this.contentOffset = contentOffset
    this.length = length
    this.executable = executable
    this.target = target
  }

  /** The names of the target of a symlink below the listed directory. Undefined if it leads out of it. */
  get symlink(): readonly string[] | undefined {
    const { path, target } = this
    if (target === undefined || isAbsolute(target)) return undefined
    const names = path.slice(0, -1)
    for (const name of target.split(sep)) {
      if (name === '' || name === '.') continue
      if (name !== '..') names.push(name)
      else if (names.pop() === undefined) return undefined
    }
    return names.length > 0 ? names : undefined
  }

  /** Returns an empty stream, because threads read the file instead. */
  read(): Readable {
    return Readable.from([])
  }
}
