import type { AddressFamily } from '../codec/address-family.ts'
import { decodePeers4, decodePeers6, encodePeers4, encodePeers6, type PeerAddress } from '../codec/compact.ts'
import { ID_LENGTH } from './node-id.ts'

/** The id and address of a node. */
export interface Contact extends PeerAddress {
  readonly id: Uint8Array
}

const lengthOf = (family: AddressFamily) => ID_LENGTH + (family === 4 ? 6 : 18)

/** Encodes the nodes of one family in compact form, 26 or 38 bytes each (BEP 5, BEP 32). Others are omitted. */
export function encodeContacts(contacts: Iterable<Contact>, family: AddressFamily): Buffer {
  const encode = family === 4 ? encodePeers4 : encodePeers6
  const parts: Uint8Array[] = []
  for (const contact of contacts) {
    const address = encode([contact])
    if (address.length > 0) parts.push(contact.id, address)
  }
  return Buffer.concat(parts)
}

/** Decodes at most `maxCount` nodes in compact form. Nodes with port 0 and a partial node at the end are ignored. */
export function decodeContacts(bytes: Uint8Array, family: AddressFamily, maxCount: number): Contact[] {
  const length = lengthOf(family)
  const decode = family === 4 ? decodePeers4 : decodePeers6
  const contacts: Contact[] = []
  for (let at = 0; at + length <= bytes.length && contacts.length < maxCount; at += length) {
    const [address] = decode(bytes.subarray(at + ID_LENGTH, at + length))
    // An IPv4-mapped address is decoded as IPv4, which is not of this family.
    if (!address || address.host.includes(':') !== (family === 6)) continue
    contacts.push({ ...address, id: Buffer.from(bytes.subarray(at, at + ID_LENGTH)) })
  }
  return contacts
}
