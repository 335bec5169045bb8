/** One name of a path: what a file system takes, how long it may be, and where it may be cut. */
import { INVISIBLE } from '../codec/quote.ts'

/** Which names files get. */
export interface NameOptions {
  /** Replace what Windows does not take, on every system. @default false; on Windows it is always done */
  readonly portableNames?: boolean
  /** The system that the files are for. @default process.platform */
  readonly platform?: NodeJS.Platform
}

/** Whether names must be such that every system takes them, Windows among them. */
export function isPortable({ portableNames = false, platform = process.platform }: NameOptions): boolean {
  return portableNames || platform === 'win32'
}

/** Bytes of one name: what ext4, NTFS and APFS all take. */
const MAX_NAME = 255
/** What Linux and macOS do not take, and characters that a reader does not see, or sees elsewhere. */
const NOT_ON_POSIX = new RegExp(`/|${INVISIBLE.source}`, 'gu')
const NOT_ON_WINDOWS = /[<>:"|?*\\]/g
const RESERVED_ON_WINDOWS = /^(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$) *(?:\.|$)/i

/** The name for a file system: what that does not take is replaced. Never empty; `.` and `..` are for the caller to refuse. */
export function safeName(name: string, portable: boolean): string {
  const posix = name.replace(NOT_ON_POSIX, '_')
  if (!portable) return cut(posix)
  let safe = trimmed(cut(trimmed(posix.replace(NOT_ON_WINDOWS, '_'))))
  if (RESERVED_ON_WINDOWS.test(safe)) safe = trimmed(cut(`_${safe}`))
  return safe === '' ? '_' : safe
}

/** Without the dots and spaces at its end, which Windows drops on its own. */
function trimmed(name: string): string {
  let end = name.length
  while (end > 0 && (name[end - 1] === '.' || name[end - 1] === ' ')) end--
  return name.slice(0, end)
}

/** At most `limit` bytes of UTF-8 of a name, its extension kept, no code point cut in two. */
export function cut(name: string, limit: number = MAX_NAME): string {
  if (Buffer.byteLength(name) <= limit) return name
  const { stem, extension } = splitName(name)
  const bytes = Buffer.from(stem)
  let end = limit - Buffer.byteLength(extension)
  // 10xxxxxx is the inside of a code point.
  while (end > 0 && (bytes[end]! & 0xc0) === 0x80) end--
  return bytes.toString('utf8', 0, end) + extension
}

/** A name and the extension it ends in, dot included; a dot that starts the name or is far from its end is none. */
export function splitName(name: string): { readonly stem: string; readonly extension: string } {
  const dot = name.lastIndexOf('.')
  const none = dot <= 0 || Buffer.byteLength(name.slice(dot)) > 32
  return none ? { stem: name, extension: '' } : { stem: name.slice(0, dot), extension: name.slice(dot) }
}
