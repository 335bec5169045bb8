/** One record in one file: a line of JSON, and a line with its SHA-1. */
import { createHash } from 'node:crypto'
import { dirname } from 'node:path'
import { InputError, StorageError } from '../../errors.ts'
import { type FileSystem, systemCode } from '../../ports/file-system.ts'
import { NextRecordFile, readRecordFile } from '../../storage/record-file.ts'
import { storageError } from '../../storage/storage-error.ts'
import type { Field } from '../records/fields.ts'

/** Increased when older versions would misread a record. */
const STATE_VERSION = 1
/** Maximum length of a record in bytes. */
const MAX_RECORD_BYTES = 64 << 20
/** Codes of systems that cannot sync a directory. */
const NO_DIRECTORY_SYNC = new Set(['EISDIR', 'EPERM', 'EACCES', 'EINVAL', 'EBADF', 'ENOTSUP'])

/** A record that is not what was written. */
export class DamagedRecordError extends Error {}

/** Reads a record. Rejects with a DamagedRecordError, or a StorageError if it is of a newer version or cannot be read. */
export async function readStateFile<T>(fs: FileSystem, path: string, field: Field<T>): Promise<T> {
  const bytes = await readRecordFile(fs, path, MAX_RECORD_BYTES).catch(error => {
    if (systemCode(error)) throw storageError('read', path, error)
    throw new DamagedRecordError(`${path} cannot be used: ${error.message}`)
  })
  const [line = '', sum, ...rest] = bytes.toString('utf8').split('\n')
  if (sum !== checksumOf(line) || rest.join('') !== '')
    throw new DamagedRecordError(`${path} is damaged: its checksum does not match`)
  const value: unknown = JSON.parse(line)
  const { version } = (value ?? {}) as { version?: unknown }
  if (typeof version === 'number' && version > STATE_VERSION) {
    throw new StorageError(
      'ERR_RECORD',
      `${path} was written by a newer tsdl: it is of version ${version}, and this one knows ${STATE_VERSION} ` +
        '(install the newer one again, or choose another state directory)',
    )
  }
  try {
    return field(value, 'record')
  } catch (error) {
    if (error instanceof InputError) throw new DamagedRecordError(`${path} is damaged: ${error.message}`)
    throw error
  }
}

/** Replaces a record, and resolves when the new one is on the device. Rejects with a StorageError. */
export async function writeStateFile(fs: FileSystem, path: string, record: object): Promise<void> {
  const line = JSON.stringify({ version: STATE_VERSION, ...record })
  await replaceFile(fs, path, Buffer.from(`${line}\n${checksumOf(line)}\n`))
}

/** Replaces a file, and resolves when the new one is on the device. Rejects with a StorageError. */
export async function replaceFile(fs: FileSystem, path: string, bytes: Uint8Array): Promise<void> {
  try {
    const next = await NextRecordFile.open(fs, path)
    try {
      await next.commit(bytes)
    } catch (error) {
      await next.abandon()
      throw error
    }
    await syncDirectory(fs, dirname(path))
  } catch (error) {
    throw storageError('write', path, error)
  }
}

/** Removes a file, if it exists, and resolves when the removal is on the device. Rejects with a StorageError. */
export async function removeFile(fs: FileSystem, path: string): Promise<void> {
  try {
    await fs.unlink(path)
    await syncDirectory(fs, dirname(path))
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw storageError('write', path, error)
  }
}

/** Resolves when the names in a directory are on the device. */
export async function syncDirectory(fs: FileSystem, path: string): Promise<void> {
  const { O_RDONLY, O_DIRECTORY = 0 } = fs.constants
  try {
    const handle = await fs.open(path, O_RDONLY | O_DIRECTORY)
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  } catch (error) {
    if (!NO_DIRECTORY_SYNC.has(systemCode(error) ?? '')) throw error
  }
}

function checksumOf(text: string): string {
  return createHash('sha1').update(text).digest('hex')
}
