import { decodePeers4, decodePeers6, encodePeers4, encodePeers6, type PeerAddress } from '../codec/compact.ts'
import { ID_LENGTH } from './node-id.ts'

/** The two DHTs, which know nothing of each other (BEP 32). */
export type Family = 4 | 6

/** A node and where it is. */
export interface Contact extends PeerAddress {
  readonly id: Uint8Array
}

const lengthOf = (family: Family) => ID_LENGTH + (family === 4 ? 6 : 18)

/** Nodes of one family as the wire has them, 26 or 38 bytes each (BEP 5, 32); those of the other are left out. */
export function encodeContacts(contacts: Iterable<Contact>, family: Family): Buffer {
  const encode = family === 4 ? encodePeers4 : encodePeers6
  const parts: Uint8Array[] = []
  for (const contact of contacts) {
    const address = encode([contact])
    if (address.length > 0) parts.push(contact.id, address)
  }
  return Buffer.concat(parts)
}

/** What `encodeContacts` writes, `most` nodes at most. A partial one at the end and those with port 0 are ignored. */
export function decodeContacts(bytes: Uint8Array, family: Family, most: number): Contact[] {
  const length = lengthOf(family)
  const decode = family === 4 ? decodePeers4 : decodePeers6
  const contacts: Contact[] = []
  for (let at = 0; at + length <= bytes.length && contacts.length < most; at += length) {
    const [address] = decode(bytes.subarray(at + ID_LENGTH, at + length))
    // An IPv4 address inside an IPv6 one comes out as the former, which is none of this family.
    if (!address || address.host.includes(':') !== (family === 6)) continue
    contacts.push({ ...address, id: Buffer.from(bytes.subarray(at, at + ID_LENGTH)) })
  }
  return contacts
}
