/**
 * The inner loop of RC4 as WebAssembly. Including the copies in and out, it is twice as fast as the loop in JavaScript.
 *
 * Its memory holds the state (256 bytes, then i and j) at 0 and the data from `DATA_OFFSET` on.
 */

/** Address of the data in the module's memory. */
export const DATA_OFFSET = 1024
/** Maximum length of the data in one call, in bytes. */
export const MAX_DATA_BYTES = 32_768
/** Length of a state in bytes: the permutation, i and j. */
export const RC4_STATE_BYTES = 258

// the parameters and locals, by number
const [from, end, i, j, si, sj] = [0, 1, 2, 3, 4, 5]
const [I, J] = [256, 257] as const

// instructions
const get = (local: number) => [0x20, local]
const set = (local: number) => [0x21, local]
const tee = (local: number) => [0x22, local]
const number = (value: number) => [0x41, ...signed(value)]
const load = [0x2d, 0, 0] // the byte at an address
const store = [0x3a, 0, 0]
const add = [0x6a]
const xor = [0x73]
const below = [0x49]
const byte = [...number(255), 0x71] // keeps the low 8 bits
const loop = [0x03, 0x40]
const again = [0x0d, 0]
const over = [0x0b]

const FUNCTION_BODY = [
  ...[...number(I), ...load, ...set(i)],
  ...[...number(J), ...load, ...set(j)],
  ...loop,
  // i = i + 1; si = S[i]
  ...[...get(i), ...number(1), ...add, ...byte, ...tee(i), ...load, ...tee(si)],
  // j = j + si; sj = S[j]
  ...[...get(j), ...add, ...byte, ...tee(j), ...load, ...set(sj)],
  // S[i] = sj; S[j] = si
  ...[...get(i), ...get(sj), ...store],
  ...[...get(j), ...get(si), ...store],
  // *from = *from ^ S[si + sj]
  ...[...get(from), ...get(from), ...load],
  ...[...get(si), ...get(sj), ...add, ...byte, ...load, ...xor, ...store],
  // from = from + 1; again while from < end
  ...[...get(from), ...number(1), ...add, ...tee(from), ...get(end), ...below, ...again],
  ...over,
  ...[...number(I), ...get(i), ...store],
  ...[...number(J), ...get(j), ...store],
  ...over,
]

const I32_TYPE = 0x7f
const LOCAL_VARIABLES = [1, 4, I32_TYPE] // one group: four of them
const FUNCTION_CODE = [...LOCAL_VARIABLES, ...FUNCTION_BODY]

const MODULE_BYTES = Uint8Array.from([
  ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0], // "\0asm", version 1
  ...section(1, [1, 0x60, 2, I32_TYPE, I32_TYPE, 0]), // one type: two numbers, no result
  ...section(3, [1, 0]), // one function, of that type
  ...section(5, [1, 1, 1, 1]), // one memory: one page of 64 KiB, and never more
  ...section(7, [2, ...name('memory'), 2, 0, ...name('apply'), 0, 0]), // two exports
  ...section(10, [1, ...unsigned(FUNCTION_CODE.length), ...FUNCTION_CODE]), // one body
])

/** An instance of the module. */
export interface Rc4Module {
  readonly memory: Uint8Array
  /** Encrypts the bytes from address `from` up to, but not including, `end`. There must be at least one. */
  readonly apply: (from: number, end: number) => void
}

/** Creates an instance. @throws if WebAssembly is missing or has no address space */
export function instantiate(): Rc4Module {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(MODULE_BYTES))
  const { memory, apply } = exports as unknown as {
    memory: { buffer: ArrayBuffer }
    apply: Rc4Module['apply']
  }
  return { memory: new Uint8Array(memory.buffer), apply }
}

function section(id: number, bytes: readonly number[]): number[] {
  return [id, ...unsigned(bytes.length), ...bytes]
}

function name(text: string): number[] {
  return [text.length, ...Buffer.from(text)]
}

/** Encodes a number in groups of seven bits, the lowest first (LEB128). */
function unsigned(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...unsigned(value >> 7)]
}

/** Encodes a number as signed LEB128. The highest bit of the last group is the sign. */
function signed(value: number): number[] {
  return value < 64 ? [value] : [(value & 127) | 128, ...signed(value >> 7)]
}
