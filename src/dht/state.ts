/** The saved state of the DHT for the next run: our ids and known nodes. It is decoded as untrusted input. */
import type { AddressFamily } from '../codec/address-family.ts'
import { asBytes, asDict, asInteger, type BencodeValue, decode, encode } from '../codec/bencode.ts'
import { type Contact, decodeContacts, encodeContacts } from './contact.ts'
import { ID_LENGTH } from './node-id.ts'

/** The state of one family. */
export interface NodeState {
  readonly id: Uint8Array
  readonly contacts: readonly Contact[]
}

/** The state of all families. */
export type DhtState = Readonly<Partial<Record<AddressFamily, NodeState>>>

/** Maximum length of an encoded state, in bytes. */
export const MAX_STATE = 65_536
/** Maximum number of saved nodes of a family. */
const MAX_CONTACTS = 400
const STATE_VERSION = 1

/** Encodes a state. */
export function encodeState(state: DhtState): Buffer {
  const part = (family: AddressFamily) => {
    const given = state[family]
    if (!given) return undefined
    return { id: given.id, nodes: encodeContacts(given.contacts.slice(0, MAX_CONTACTS), family) }
  }
  return encode({ n4: part(4), n6: part(6), version: STATE_VERSION })
}

/** Decodes a state. It never throws: it returns an empty state for invalid input. */
export function decodeState(state: Uint8Array): DhtState {
  if (state.length > MAX_STATE) return {}
  let value: BencodeValue
  try {
    value = decode(state, { maxDepth: 3, maxItems: 100 })
  } catch {
    return {}
  }
  const dict = asDict(value)
  if (asInteger(dict?.version) !== STATE_VERSION) return {}
  const found: Partial<Record<AddressFamily, NodeState>> = {}
  for (const family of [4, 6] as const) {
    const part = asDict(dict?.[`n${family}`])
    const id = asBytes(part?.id)
    const nodes = asBytes(part?.nodes)
    if (id?.length !== ID_LENGTH || !nodes) continue
    found[family] = { id, contacts: decodeContacts(nodes, family, MAX_CONTACTS) }
  }
  return found
}
