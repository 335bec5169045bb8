import t from 'tap'
import { Emitter } from '../../src/ports/emitter.ts'
import { forwardEvents } from '../../src/ports/forward-events.ts'

interface Events {
  word: [text: string]
  count: [count: number]
  end: []
}

t.test('listeners are called in the order in which they were added', async t => {
  const emitter = new Emitter<Events>()
  const calls: string[] = []
  t.equal(emitter.emit('word', 'a'), false, 'there is no listener')
  emitter.on('word', text => calls.push(`first ${text}`)).on('word', text => calls.push(`second ${text}`))
  t.equal(emitter.emit('word', 'b'), true)
  t.equal(emitter.emit('end'), false, 'of this event there is none')
  t.same(calls, ['first b', 'second b'])
})

t.test('a listener may be removed, and is called once with once', async t => {
  const emitter = new Emitter<Events>()
  const calls: string[] = []
  const listener = (text: string) => calls.push(text)
  emitter.once('word', listener).on('word', listener)
  emitter.emit('word', 'a')
  emitter.emit('word', 'b')
  emitter.off('word', listener).off('word', listener)
  t.equal(emitter.emit('word', 'c'), false)
  t.same(calls, ['a', 'a', 'b'])
})

t.test('a listener that adds and removes listeners changes later events alone', async t => {
  const emitter = new Emitter<Events>()
  const calls: string[] = []
  const last = () => calls.push('last')
  emitter.once('end', () => {
    calls.push('first')
    emitter.off('end', last)
    emitter.on('end', () => calls.push('added'))
  })
  emitter.on('end', last)
  emitter.emit('end')
  t.same(calls, ['first', 'last'])
  emitter.emit('end')
  t.same(calls, ['first', 'last', 'added'])
})

t.test('events are forwarded to an owner with their arguments', async t => {
  const child = new Emitter<Events>()
  const owner = new Emitter<Events>()
  const calls: unknown[] = []
  forwardEvents(child, owner, 'word', 'count')
  t.equal(child.emit('end'), false, 'this one is not forwarded')
  owner.on('word', text => calls.push(text)).on('count', count => calls.push(count))
  child.emit('word', 'a')
  child.emit('count', 1)
  t.same(calls, ['a', 1])
})
