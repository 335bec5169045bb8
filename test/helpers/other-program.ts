/** Changes of files as by another program while tsdl runs. */
import * as fs from 'node:fs/promises'
import { join } from 'node:path'

/**
 * Resolves when the file system's clock has moved on by 50 ms: a change from now on shows in the times of a file, and
 * is not taken for a part of what tsdl wrote before.
 */
export async function nextTick(directory: string): Promise<void> {
  const path = join(directory, '.tick')
  const look = async () => {
    await fs.writeFile(path, 'x')
    return (await fs.lstat(path, { bigint: true })).mtimeNs
  }
  const first = await look()
  while ((await look()) < first + 50_000_000n);
  await fs.unlink(path)
}

/** Changes one byte in place, and neither the size nor the inode. */
export async function flipByte(path: string, position: number): Promise<void> {
  const file = await fs.open(path, 'r+')
  try {
    const byte = Buffer.alloc(1)
    await file.read(byte, 0, 1, position)
    byte[0]! ^= 1
    await file.write(byte, 0, 1, position)
  } finally {
    await file.close()
  }
}
