import { DATA_OFFSET, instantiate, MAX_DATA_BYTES, RC4_STATE_BYTES, type Rc4Module } from './rc4-module.ts'

/** Encrypts bytes in place and advances the state: 256 bytes of permutation, then i and j. */
export type Rc4Loop = (state: Uint8Array, bytes: Uint8Array) => void

/** The loop in JavaScript, used for short input and where WebAssembly is not available. */
export const plainLoop: Rc4Loop = (state, bytes) => {
  let i = state[256]!
  let j = state[257]!
  for (let at = 0; at < bytes.length; at++) {
    i = (i + 1) & 255
    const si = state[i]!
    j = (j + si) & 255
    const sj = state[j]!
    state[i] = sj
    state[j] = si
    bytes[at]! ^= state[(si + sj) & 255]!
  }
  state[256] = i
  state[257] = j
}

/** Minimum input length for the module, in bytes. For shorter input the copies cost more than the module saves. */
const MIN_MODULE_BYTES = 64

/** Returns the loop of a WebAssembly module. All ciphers share its memory, one call at a time. */
export function moduleLoop({ memory, apply }: Rc4Module): Rc4Loop {
  return (state, bytes) => {
    if (bytes.length < MIN_MODULE_BYTES) {
      plainLoop(state, bytes)
      return
    }
    memory.set(state)
    for (let at = 0; at < bytes.length; at += MAX_DATA_BYTES) {
      const part = bytes.subarray(at, at + MAX_DATA_BYTES)
      const end = DATA_OFFSET + part.length
      memory.set(part, DATA_OFFSET)
      apply(DATA_OFFSET, end)
      part.set(memory.subarray(DATA_OFFSET, end))
    }
    state.set(memory.subarray(0, RC4_STATE_BYTES))
  }
}

let fastest: Rc4Loop | undefined

/** Called for the first cipher only, since most runs never encrypt. */
function fastestLoop(): Rc4Loop {
  try {
    return moduleLoop(instantiate())
  } catch {
    return plainLoop // with --jitless or a small address space: WebAssembly reserves gigabytes
  }
}

/** The RC4 cipher. Encryption and decryption are the same operation. OpenSSL 3, and so Node, no longer has it. */
export class Rc4 {
  readonly #state = new Uint8Array(RC4_STATE_BYTES)
  readonly #loop: Rc4Loop

  /** @param key 1 to 256 bytes @param drop bytes of the keystream to discard */
  constructor(key: Uint8Array, drop = 0, loop = (fastest ??= fastestLoop())) {
    const state = this.#state
    for (let i = 0; i < 256; i++) state[i] = i
    for (let i = 0, j = 0; i < 256; i++) {
      const si = state[i]!
      j = (j + si + key[i % key.length]!) & 255
      state[i] = state[j]!
      state[j] = si
    }
    this.#loop = loop
    this.apply(new Uint8Array(drop))
  }

  /** Encrypts or decrypts bytes in place and returns them. */
  apply<T extends Uint8Array>(bytes: T): T {
    this.#loop(this.#state, bytes)
    return bytes
  }
}
