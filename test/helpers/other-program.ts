/** Changes files as another program does while tsdl runs. */
import * as fs from 'node:fs/promises'
import { join } from 'node:path'

/**
 * Resolves when the clock of the file system has advanced by 50 ms. A later change is visible in the times of a file,
 * and is not mistaken for a write of tsdl.
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

/** Changes one byte in place, without a change of the size or the inode. */
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
