/** Subtitles beside a film: their files, and SubRip and WebVTT as cues. Pure. */

/** A cue. Times are in seconds. */
export interface SubtitleCue {
  readonly start: number
  readonly end: number
  readonly text: string
}

/** A file with subtitles. */
export interface SubtitleFile {
  readonly path: string
  /** The language tag in its name: `en`; '' for none. */
  readonly language: string
  /** What a user sees: the language, or the name of the file. */
  readonly label: string
}

/** Files that are offered. */
const MAX_SUBTITLES = 40
/** Cues of one file. */
const MAX_CUES = 20_000

/** Returns the subtitles of a film among all paths: those beside it with its name first, then those in a directory `Subs` or `subtitles`. */
export function findSubtitles(film: string, paths: readonly string[]): SubtitleFile[] {
  const directory = film.slice(0, film.lastIndexOf('/') + 1)
  const stem = nameOf(film).replace(/\.[^.]+$/, '')
  const candidates = paths.filter(path => /\.(srt|vtt)$/i.test(path))
  const inDirectory = candidates
    .filter(path => path.startsWith(directory))
    .map(path => path.slice(directory.length))
  const named = inDirectory.filter(name => !name.includes('/') && name.startsWith(stem))
  const beside = inDirectory.filter(name => /^(subs?|subtitles)\/[^/]+$/i.test(name))
  return [...named, ...beside].slice(0, MAX_SUBTITLES).map(name => describeSubtitle(directory + name, stem))
}

/** Parses SubRip or WebVTT. Blocks that are invalid are left out. */
export function parseSubtitles(text: string): SubtitleCue[] {
  const cues: SubtitleCue[] = []
  for (const block of text
    .replace(/^\uFEFF/, '')
    .replace(/\r\n?/g, '\n')
    .split(/\n{2,}/)) {
    const lines = block.split('\n').filter((line, at) => at > 0 || line.trim() !== '')
    const at = lines.findIndex(line => line.includes('-->'))
    const [start, end] = (lines[at] ?? '').split('-->').map(parseTime)
    if (start === undefined || end === undefined || end <= start) continue
    const content = lines
      .slice(at + 1)
      .join('\n')
      .replace(/\{\\[^}]*\}/g, '')
      .trim()
    // a browser ignores unknown tags of WebVTT, but not those of SubRip
    if (content !== '') cues.push({ start, end, text: content.replace(/<\/?font[^>]*>/gi, '') })
    if (cues.length >= MAX_CUES) break
  }
  return cues
}

/** Decodes a file of subtitles: UTF-8, UTF-16 with a mark, or else the encoding of old Windows programs. */
export function decodeSubtitles(bytes: Uint8Array): string {
  const [first, second] = bytes
  if (first === 0xff && second === 0xfe) return new TextDecoder('utf-16le').decode(bytes)
  if (first === 0xfe && second === 0xff) return new TextDecoder('utf-16be').decode(bytes)
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return new TextDecoder('windows-1252').decode(bytes)
  }
}

function describeSubtitle(path: string, stem: string): SubtitleFile {
  const name = nameOf(path).replace(/\.[^.]+$/, '')
  const suffix = name.startsWith(stem) ? name.slice(stem.length) : `.${name}`
  const tag =
    suffix
      .split(/[._ -]/)
      .find(part => /^[a-z]{2,3}$/i.test(part))
      ?.toLowerCase() ?? ''
  const rest = suffix.replace(/^[._ -]+/, '')
  const language = tag === '' ? '' : languageOf(tag)
  const label =
    language === '' ? rest || 'Subtitles' : rest.toLowerCase() === tag ? language : `${language} (${rest})`
  return { path, language: tag, label }
}

function languageOf(tag: string): string {
  try {
    const name = new Intl.DisplayNames(['en'], { type: 'language', fallback: 'none' }).of(tag)
    return name ?? ''
  } catch {
    return ''
  }
}

function parseTime(text: string): number | undefined {
  const match = /(?:(\d+):)?(\d{1,2}):(\d{1,2})[.,](\d{1,3})/.exec(text)
  if (!match) return undefined
  const [, hours = '0', minutes, seconds, fraction = '0'] = match
  return (
    Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds) + Number(fraction.padEnd(3, '0')) / 1000
  )
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}
