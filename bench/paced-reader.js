// @ts-check
/**
 * Reads standard input to its end at a given rate.
 *
 *     node bench/paced-reader.js 50e6 < file
 */
import { readSync } from 'node:fs'

const rate = Number(process.argv[2])
const buffer = Buffer.alloc(65536)
const never = new Int32Array(new SharedArrayBuffer(4))
const sleep = (/** @type {number} */ ms) => Atomics.wait(never, 0, 0, ms)
let read = 0
let start = 0

for (let length = next(); length > 0; length = next()) {
  start ||= performance.now()
  read += length
  const early = (read / rate) * 1000 - (performance.now() - start)
  if (early > 1) sleep(early)
}

/** Bytes read; 0 at the end. */
function next() {
  for (;;) {
    try {
      return readSync(0, buffer)
    } catch (error) {
      const { code } = /** @type {NodeJS.ErrnoException} */ (error)
      if (code === 'EOF') return 0
      if (code !== 'EAGAIN') throw error
      sleep(1)
    }
  }
}
