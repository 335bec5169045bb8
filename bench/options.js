// @ts-check
/** The options that the benches share. */
import { parseArgs } from 'node:util'

const UNIT_BYTES = { '': 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3 }

/** Reads the options of the command line. */
export function benchOptions() {
  const { values } = parseArgs({
    options: {
      size: { type: 'string' },
      rounds: { type: 'string' },
      only: { type: 'string' },
      peers: { type: 'string' },
      torrents: { type: 'string' },
      seconds: { type: 'string' },
      mixed: { type: 'boolean', default: false },
      small: { type: 'boolean', default: false },
    },
  })
  const { mixed, small } = values
  return {
    small,
    mixed,
    size: parseSize(values.size ?? (small ? '4M' : '1G')),
    rounds: parseCount('--rounds', values.rounds ?? (small ? '1' : '5')),
    peers: parseCount('--peers', values.peers ?? (small ? '10' : '100')),
    torrents: parseCount('--torrents', values.torrents ?? (small ? '20' : '10000')),
    seconds: parseCount('--seconds', values.seconds ?? (small ? '1' : '30')),
    only: values.only?.split(','),
  }
}

/** @param {string} text */
function parseSize(text) {
  const [, digits, unit = ''] = /^(\d+)([KMG]?)(?:i?B)?$/.exec(text) ?? []
  if (!digits) throw new Error(`--size ${text}: want a number of bytes, such as 512M or 1GiB`)
  return Number(digits) * UNIT_BYTES[/** @type {keyof typeof UNIT_BYTES} */ (unit)]
}

/**
 * @param {string} option
 * @param {string} text
 */
function parseCount(option, text) {
  const count = Number(text)
  if (!Number.isSafeInteger(count) || count < 1)
    throw new Error(`${option} ${text}: want a whole number from 1`)
  return count
}
