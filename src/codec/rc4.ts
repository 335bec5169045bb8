import { DATA, instantiate, type Rc4Module, ROOM, STATE_LENGTH } from './rc4-module.ts'

/** Changes bytes in place, and the state with them: 256 bytes of permutation, i and j. */
export type Rc4Loop = (state: Uint8Array, bytes: Uint8Array) => void

/** The loop in JavaScript: for short runs of bytes, and where there is no WebAssembly. */
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

/** Bytes below which copying to the module and back would cost more than it saves. */
const SHORT = 64

/** The loop of a WebAssembly module, whose one memory all ciphers use by turns. */
export function moduleLoop({ memory, apply }: Rc4Module): Rc4Loop {
  return (state, bytes) => {
    if (bytes.length < SHORT) {
      plainLoop(state, bytes)
      return
    }
    memory.set(state)
    for (let at = 0; at < bytes.length; at += ROOM) {
      const part = bytes.subarray(at, at + ROOM)
      const end = DATA + part.length
      memory.set(part, DATA)
      apply(DATA, end)
      part.set(memory.subarray(DATA, end))
    }
    state.set(memory.subarray(0, STATE_LENGTH))
  }
}

let fastest: Rc4Loop | undefined

/** Made when it is needed first: most runs never encrypt anything. */
function fastestLoop(): Rc4Loop {
  try {
    return moduleLoop(instantiate())
  } catch {
    return plainLoop // --jitless, or little address space: WebAssembly takes gigabytes of it
  }
}

/** RC4: the same bytes encrypt and decrypt. OpenSSL 3, and so Node, has it no longer. */
export class Rc4 {
  readonly #state = new Uint8Array(STATE_LENGTH)
  readonly #loop: Rc4Loop

  /** @param key 1 to 256 bytes @param drop bytes of the keystream to skip */
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

  /** Changes these bytes in place, and returns them. */
  apply<T extends Uint8Array>(bytes: T): T {
    this.#loop(this.#state, bytes)
    return bytes
  }
}
