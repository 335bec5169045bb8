import { isAbsolute, sep } from 'node:path'
import { Readable } from 'node:stream'
import type { SourceFile } from '../metainfo/source-file.ts'

/** A directory with files, which share this object. */
export interface FoundDirectory {
  /** The names of the directories below the listed one, and its own, as `nameOfBytes` returns them. */
  readonly names: readonly string[]
  /** True if the paths of its files are plain, as those of `arePlain`. */
  readonly isPlain: boolean
  /** The bytes of its small files, if they were read. */
  readonly content?: Uint8Array | undefined
}

/** Properties of a `FoundFile` that few files have. */
export interface FoundFileOptions {
  readonly executable?: boolean
  readonly target?: string
}

/**
 * A regular file or a symlink in a directory, to include in a torrent. Threads read it. There may be half a million, so each
 * is one small object.
 */
export class FoundFile implements SourceFile {
  readonly directory: FoundDirectory
  /** '' for the file of a single-file torrent. */
  readonly name: string
  /** Bytes; 0 for a symlink. */
  readonly length: number
  /** Where its bytes start in the content of the directory, or -1 if they were not read. */
  readonly contentOffset: number
  /** True if its owner may execute it, and attributes were requested. */
  readonly executable: boolean
  /** The target of a symlink as it is stored, if attributes were requested. */
  readonly target: string | undefined

  constructor(
    directory: FoundDirectory,
    name: string,
    length: number,
    contentOffset = -1,
    options?: FoundFileOptions,
  ) {
    this.directory = directory
    this.name = name
    this.length = length
    this.contentOffset = contentOffset
    this.executable = options?.executable === true
    this.target = options?.target
  }

  get path(): readonly string[] {
    return this.name === '' ? [] : [...this.directory.names, this.name]
  }

  /** The names of the target of a symlink below the listed directory. Undefined if it leads out of it. */
  get symlink(): readonly string[] | undefined {
    const { directory, target } = this
    if (target === undefined || isAbsolute(target)) return undefined
    const names = [...directory.names]
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
