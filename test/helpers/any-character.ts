import fc from 'fast-check'

/** The first surrogate. Surrogates are not characters. */
const FIRST_SURROGATE = 0xd800
const SURROGATES_COUNT = 0x800

/**
 * Any character of Unicode, as a unit of `fc.string`. The unit `binary` of fast-check generates the same characters,
 * but it first writes all 1,112,064 of them into a map.
 */
export const anyCharacter = fc.nat(0x10ffff - SURROGATES_COUNT).map(
  at => String.fromCodePoint(at < FIRST_SURROGATE ? at : at + SURROGATES_COUNT),
  character => {
    const [first = '', ...rest] = String(character)
    const code = first.codePointAt(0) ?? -1
    const isSurrogate = code >= FIRST_SURROGATE && code < FIRST_SURROGATE + SURROGATES_COUNT
    if (code < 0 || isSurrogate || rest.length > 0) throw new Error('not a character')
    return code < FIRST_SURROGATE ? code : code - SURROGATES_COUNT
  },
)
