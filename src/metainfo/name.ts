/** Makes one name of a path valid for a file system: its characters and its length. */
import { INVISIBLE_CHARACTERS } from '../codec/quote.ts'

/** Options for file names. */
export interface NameOptions {
  /** True to replace what is invalid on Windows. @default false, but always true on Windows */
  readonly portableNames?: boolean
  /** The platform that the files are for. @default process.platform */
  readonly platform?: NodeJS.Platform
}

/** Returns true if names must be valid on every system, including Windows. */
export function isPortable({ portableNames = false, platform = process.platform }: NameOptions): boolean {
  return portableNames || platform === 'win32'
}

/** Maximum length of a name in bytes, valid on ext4, NTFS and APFS. */
const MAX_NAME = 255
/** Characters that are invalid on Linux and macOS, that are invisible, or that change the text direction. */
const INVALID_ON_POSIX = new RegExp(`/|${INVISIBLE_CHARACTERS.source}`, 'gu')
const INVALID_ON_WINDOWS = /[<>:"|?*\\]/g
const RESERVED_ON_WINDOWS = /^(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$) *(?:\.|$)/i

/** Returns true for a name that Windows reserves for a device, with any extension. */
export function isReserved(name: string): boolean {
  return RESERVED_ON_WINDOWS.test(name)
}

/** Replaces what is invalid in a name. The result is never empty. The caller must reject `.` and `..`. */
export function safeName(name: string, portable: boolean): string {
  const posix = name.replace(INVALID_ON_POSIX, '_')
  if (!portable) return cut(posix)
  let safe = trimmed(cut(trimmed(posix.replace(INVALID_ON_WINDOWS, '_'))))
  if (isReserved(safe)) safe = trimmed(cut(`_${safe}`))
  return safe === '' ? '_' : safe
}

/** Removes dots and spaces at the end, which Windows drops. */
function trimmed(name: string): string {
  let end = name.length
  while (end > 0 && (name[end - 1] === '.' || name[end - 1] === ' ')) end--
  return name.slice(0, end)
}

/** Cuts a name to `limit` bytes of UTF-8. It keeps the extension and splits no code point. */
export function cut(name: string, limit: number = MAX_NAME): string {
  if (Buffer.byteLength(name) <= limit) return name
  const { stem, extension } = splitName(name)
  const bytes = Buffer.from(stem)
  let end = limit - Buffer.byteLength(extension)
  // 10xxxxxx is a continuation byte of a code point.
  while (end > 0 && (bytes[end]! & 0xc0) === 0x80) end--
  return bytes.toString('utf8', 0, end) + extension
}

/** Splits off the extension, including its dot. A leading dot and an extension over 32 bytes do not count. */
export function splitName(name: string): { readonly stem: string; readonly extension: string } {
  const dot = name.lastIndexOf('.')
  const none = dot <= 0 || Buffer.byteLength(name.slice(dot)) > 32
  return none ? { stem: name, extension: '' } : { stem: name.slice(0, dot), extension: name.slice(dot) }
}
