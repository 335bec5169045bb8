import * as fs from 'node:fs'
import { createFsFromVolume, Volume } from 'memfs'
import t from 'tap'
import { FileStorage } from '../../src/storage/file-storage.ts'
import { FileThreads } from '../../src/storage/file-threads.ts'
import { makeTorrent } from '../helpers/metainfo.ts'
import { type Disk, jobsIn, storageSuite } from '../helpers/storage-suite.ts'

t.test('a storage in memory passes the suite', async t => {
  storageSuite(t, () => {
    const disk = createFsFromVolume(Volume.fromJSON({ '/home': null })).promises
    return { disk: disk as unknown as Disk, directory: '/home' }
  })
})

t.test('a storage in a real directory passes the suite', async t => {
  storageSuite(t, t => ({ disk: fs.promises, directory: t.testdir() }))
})

t.test('a storage in memory passes the suite with jobs for small files', async t => {
  storageSuite(t, () => {
    const disk = createFsFromVolume(Volume.fromJSON({ '/home': null })).promises as unknown as Disk
    return { disk, directory: '/home', jobs: jobsIn(disk) }
  })
})

t.test('a storage in a real directory passes the suite with threads for small files', async t => {
  const jobs = new FileThreads()
  t.teardown(() => jobs.close())
  storageSuite(t, t => ({ disk: fs.promises, directory: t.testdir(), jobs }))
})

t.test('the limit of open files is a whole number of at least 1', async t => {
  const { metainfo } = makeTorrent({ files: [{ path: 'a', length: 1 }] })
  for (const maxOpenFiles of [0, -1, 1.5, Number.NaN])
    t.throws(() => new FileStorage(metainfo, { directory: '/nowhere', maxOpenFiles }), {
      code: 'ERR_USAGE',
      message: String(maxOpenFiles),
    })
})
