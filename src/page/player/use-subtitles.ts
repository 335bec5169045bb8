import type { RefObject } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { fileUrlOf } from '../live/urls.ts'
import { useNotify } from '../parts/notices.tsx'
import { decodeSubtitles, parseSubtitles, type SubtitleFile } from './subtitles.ts'

/** Maximum bytes of a file of subtitles. */
const MAX_SUBTITLE_BYTES = 8e6

/** Shows subtitles in a film. @returns the path of the file that is shown, '' for none, and a function that changes it */
export function useSubtitles(
  media: RefObject<HTMLMediaElement | null>,
  infoHash: string,
  files: readonly SubtitleFile[],
): [string, (path: string | ((before: string) => string)) => void] {
  const [chosen, setChosen] = useState('')
  const notify = useNotify()
  useEffect(() => {
    const file = files.find(({ path }) => path === chosen)
    const element = media.current
    if (!element || !file) return
    const abort = new AbortController()
    let track: TextTrack | undefined
    const show = async () => {
      const cues = parseSubtitles(await load(fileUrlOf(infoHash, file.path), abort.signal))
      if (abort.signal.aborted) return
      // A script adds the cues: the policy of the page allows no URL of a converted file.
      track = element.addTextTrack('subtitles', file.label, file.language)
      for (const { end, start, text } of cues) track.addCue(new VTTCue(start, end, text))
      track.mode = 'showing'
    }
    show().catch(error => {
      if (!abort.signal.aborted)
        notify(`The subtitles cannot be read: ${(error as Error).message}`, { isError: true })
    })
    return () => {
      abort.abort()
      // a track cannot be removed
      if (track) track.mode = 'disabled'
    }
  }, [chosen, infoHash])
  return [chosen, setChosen]
}

async function load(url: string, signal: AbortSignal): Promise<string> {
  const response = await fetch(url, { signal })
  if (!response.ok) throw new Error((await response.text()).trim() || `HTTP ${response.status}`)
  if (Number(response.headers.get('content-length')) > MAX_SUBTITLE_BYTES)
    throw new Error('the file is too large')
  return decodeSubtitles(new Uint8Array(await response.arrayBuffer()))
}
