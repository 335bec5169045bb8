const VIDEO_EXTENSIONS = new Set(['mp4', 'm4v', 'webm', 'mkv', 'mov', 'ogv'])
const AUDIO_EXTENSIONS = new Set(['mp3', 'm4a', 'flac', 'ogg', 'oga', 'opus', 'wav', 'aac'])

/** What a browser may play; undefined for other files. */
export function mediaTypeOf(path: string): 'audio' | 'video' | undefined {
  const extension = /\.([^./]+)$/.exec(path)?.[1]?.toLowerCase() ?? ''
  if (VIDEO_EXTENSIONS.has(extension)) return 'video'
  return AUDIO_EXTENSIONS.has(extension) ? 'audio' : undefined
}
