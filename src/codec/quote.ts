/** Strangers' text in a message of ours: on one line, short, and with nothing that a terminal would act on. */

/** Control characters, and those that turn the direction of what follows them or are not seen at all. */
export const INVISIBLE = /[\p{Cc}\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]/gu

/** `text` as JSON, cut to 200 characters, every invisible character spelled out. */
export function quote(text: string): string {
  const short = text.length > 200 ? `${text.slice(0, 200)}...` : text
  return JSON.stringify(short).replace(INVISIBLE, escaped)
}

/** A character as JSON spells it when it cannot be shown. */
export function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}
