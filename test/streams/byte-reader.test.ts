import { once } from 'node:events'
import { Writable } from 'node:stream'
import t from 'tap'
import { StorageError } from '../../src/errors.ts'
import { FileReader } from '../../src/streams/read/file-reader.ts'

/** Creates a reader of an endless file. */
function endlessReader(): FileReader {
  const source = {
    take: async (_position: number, length: number) => ({ bytes: new Uint8Array(length), release() {} }),
  }
  return new FileReader({ source, start: 0, end: Number.MAX_SAFE_INTEGER })
}

/** Creates a sink that closes after its first chunk, as an HTTP client may. */
function leavingSink(): Writable {
  return new Writable({
    write(_chunk, _encoding, done) {
      done()
      this.destroy()
    },
  })
}

t.test('a sink that closes ends the reader without an error if pipe has no callback', async t => {
  const reader = endlessReader()
  reader.on('error', error => t.fail(error.message))
  reader.pipe(leavingSink())
  await once(reader, 'close')
  t.ok(reader.destroyed)
})

t.test('the callback of pipe gets the error of a sink that closes', async t => {
  const reader = endlessReader()
  const error = await new Promise<unknown>(resolve => reader.pipe(leavingSink(), resolve))
  t.type(error, StorageError)
  t.match(error, { code: 'ERR_ABORTED', message: 'the sink was closed before its end' })
})

t.test('the error of a sink is the error of the reader', async t => {
  const reader = endlessReader()
  const broken = new Writable({ write: (_chunk, _encoding, done) => done(new Error('no space')) })
  broken.on('error', () => {})
  reader.pipe(broken)
  const [error] = await once(reader, 'error')
  t.equal((error as Error).message, 'no space')
})
