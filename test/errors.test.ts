import t from 'tap'
import { InputError, messageOf } from '../src/errors.ts'

t.test('an error has its class, its code and its cause', async t => {
  const cause = new Error('below')
  const error = new InputError('ERR_USAGE', 'no such file: x', cause)
  t.equal(error.name, 'InputError')
  t.equal(error.code, 'ERR_USAGE')
  t.equal(error.cause, cause)
})

t.test('a message is always one line', async t => {
  t.equal(messageOf(new Error('a\n  b')), 'a b')
  t.equal(messageOf('plain'), 'plain')
})
