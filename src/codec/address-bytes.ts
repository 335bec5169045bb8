import { urlOf } from './url.ts'

/**
 * The 4 or 16 bytes of an IPv4 or IPv6 address, or `undefined` for anything else, such as a name. An IPv4-mapped address
 * is the IPv4 one that it means.
 */
export function addressBytes(host: string): Buffer | undefined {
  if (typeof host !== 'string') return undefined
  const four = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(host)
  if (four) {
    const numbers = four.slice(1).map(Number)
    return numbers.every(number => number <= 255) ? Buffer.from(numbers) : undefined
  }
  if (!host.includes(':') || !/^[0-9a-f:.]+$/i.test(host)) return undefined
  const url = urlOf(`http://[${host}]`)
  if (!url) return undefined
  // The URL parser normalizes the address to hex groups. Only `::` is left to expand.
  const [left = '', right] = url.hostname.slice(1, -1).split('::')
  const split = (part: string) => (part === '' ? [] : part.split(':'))
  const head = split(left)
  const tail = split(right ?? '')
  const groups = [...head, ...Array<string>(8 - head.length - tail.length).fill('0'), ...tail]
  const bytes = Buffer.alloc(16)
  groups.forEach((group, index) => {
    bytes.writeUInt16BE(Number.parseInt(group, 16), index * 2)
  })
  return isMapped(bytes) ? bytes.subarray(12) : bytes
}

/** The bytes of an address without its zone: a link-local address may have one, such as `fe80::1%eth0`. */
export function zonelessBytes(host: string): Buffer | undefined {
  return typeof host === 'string' ? addressBytes(host.replace(/%.*$/, '')) : undefined
}

/** Returns true for the 16 bytes of an IPv4-mapped IPv6 address, `::ffff:1.2.3.4`. */
export function isMapped(bytes: Uint8Array): boolean {
  return bytes[10] === 255 && bytes[11] === 255 && bytes.subarray(0, 10).every(byte => byte === 0)
}
