/** Seconds that an arrow key moves by, and the part of the volume. */
const STEP_SECONDS = 10
const VOLUME_STEP = 0.1

/** The meaning of the keys, for the user. */
export const PLAYER_KEYS = [
  ['Space or K', 'play or pause'],
  ['← →', 'back or forward by 10 s'],
  ['↑ ↓', 'volume'],
  ['M', 'mute'],
  ['F', 'full screen'],
  ['C', 'subtitles'],
] as const

/** Runs the action of a key on a film. @returns false for a key without a meaning */
export function applyKey(key: string, media: HTMLMediaElement, nextSubtitles: () => void): boolean {
  switch (key) {
    case ' ':
    case 'k':
      if (media.paused) media.play().catch(() => {})
      else media.pause()
      return true
    case 'ArrowLeft':
      media.currentTime = Math.max(0, media.currentTime - STEP_SECONDS)
      return true
    case 'ArrowRight':
      media.currentTime = Math.min(media.duration || 0, media.currentTime + STEP_SECONDS)
      return true
    case 'ArrowUp':
      media.volume = Math.min(1, media.volume + VOLUME_STEP)
      return true
    case 'ArrowDown':
      media.volume = Math.max(0, media.volume - VOLUME_STEP)
      return true
    case 'm':
      media.muted = !media.muted
      return true
    case 'f':
      if (document.fullscreenElement) void document.exitFullscreen()
      else media.requestFullscreen().catch(() => {})
      return true
    case 'c':
      nextSubtitles()
      return true
    default:
      return false
  }
}
