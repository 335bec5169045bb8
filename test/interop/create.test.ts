import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { create } from '../../src/hashing/create-torrent.ts'
import type { Metainfo } from '../../src/metainfo/metainfo.ts'
import { parse } from '../../src/metainfo/parse.ts'
import { noLibtorrent } from '../helpers/counterparts/libtorrent.ts'
import { scratch } from '../helpers/counterparts/process.ts'
import { noise } from '../helpers/metainfo.ts'
import { inProject } from '../helpers/project.ts'

const KiB = 1024
const script = inProject('test/helpers/counterparts/libtorrent-create.py')

/** Files around the borders of blocks and pieces, in an order that differs by bytes, by text and by directory. */
const directory = {
  'a.txt': 10,
  'a/b': 0,
  'a/c': 16 * KiB,
  B: 64 * KiB,
  'b.bin': 64 * KiB + 1,
  empty: 0,
  'sub/deep/x': 513 * 16 * KiB,
  'sub/é': 48 * KiB,
  z: 200_000,
}

function write(path: string, length: number, seed: number): void {
  mkdirSync(join(path, '..'), { recursive: true })
  writeFileSync(path, noise(length, seed))
  chmodSync(path, 0o644)
}

/** Compares the torrents that both programs create for `path`. */
async function compare(t: Test, path: string, pieceLength: number): Promise<void> {
  for (const format of ['v1', 'hybrid', 'v2'] as const) {
    const out = `${path}.${format}.torrent`
    execFileSync('/usr/bin/python3', [script, path, out, `${pieceLength}`, format])
    const theirs = parse(readFileSync(out))
    const made = await create(path, { format, pieceLength })
    const ours = parse(made.torrent)
    const what = `${format}, pieces of ${pieceLength}`
    const { creationDate: _, createdBy: __, ...expected } = theirs
    t.equal(theirs.format, format, what)
    t.same(theirs.warnings, [], what)
    t.same(ours, expected, what)
    t.same([made.infoHash, made.infoHashV2], [theirs.infoHash, theirs.infoHashV2], what)
    t.equal(theirs.pieceNodes !== undefined, format !== 'v1', what)
  }
}

t.test('torrents of a directory are those of libtorrent', { skip: noLibtorrent }, async t => {
  const path = join(scratch(t), 'd')
  for (const [seed, [name, length]] of Object.entries(directory).entries())
    write(join(path, name), length, seed)
  for (const pieceLength of [16 * KiB, 64 * KiB, 1024 * KiB]) await compare(t, path, pieceLength)
})

t.test('executables and symlinks are those of libtorrent', { skip: noLibtorrent }, async t => {
  const path = join(scratch(t), 'd')
  write(join(path, 'run'), 20_000, 1)
  write(join(path, 'sub/x'), 10, 2)
  chmodSync(join(path, 'run'), 0o755)
  for (const format of ['v1', 'hybrid', 'v2'] as const) {
    const made = async (withLinks: boolean) => {
      const out = `${path}.${format}.${withLinks}.torrent`
      execFileSync('/usr/bin/python3', [script, path, out, `${16 * KiB}`, format, 'attributes'])
      const created = await create(path, { attributes: true, format, pieceLength: 16 * KiB })
      return { theirs: parse(readFileSync(out)), ours: parse(created.torrent) }
    }
    const { ours, theirs } = await made(false)
    const files = [...theirs.files.filter(({ pad }) => !pad)].sort((a, b) => (a.path < b.path ? -1 : 1))
    t.same(filesOf(ours), filesOf({ files }), format)
    if (format !== 'v1') t.same(ours.infoHashV2, theirs.infoHashV2, format)
    for (const [link, target] of [
      ['link', 'sub/x'],
      ['directory', 'sub'],
    ] as const)
      symlinkSync(target, join(path, link))
    const linked = await made(true)
    t.same(filesOf(linked.ours), sorted(filesOf(linked.theirs)), `${format} with links`)
    t.same(linked.ours.warnings, [])
    for (const link of ['link', 'directory']) rmSync(join(path, link))
  }
})

/** Returns the attributes of all files. libtorrent treats the mode of a symlink as that of an executable. */
function filesOf({ files }: Pick<Metainfo, 'files'>) {
  return files
    .filter(({ pad }) => !pad)
    .map(({ executable, hidden, length, path, piecesRoot, symlink }) => ({
      ...{ hidden, length, path, piecesRoot, symlink },
      executable: executable && symlink === undefined,
    }))
}

function sorted(files: ReturnType<typeof filesOf>) {
  return [...files].sort((a, b) => (a.path < b.path ? -1 : 1))
}

t.test('torrents of one file are those of libtorrent', { skip: noLibtorrent }, async t => {
  const path = scratch(t)
  for (const [seed, length] of [1, 16 * KiB, 16 * KiB + 1, 64 * KiB, 64 * KiB + 1, 300_000].entries()) {
    write(join(path, `file ${length}`), length, seed)
    await compare(t, join(path, `file ${length}`), 64 * KiB)
  }
})
