import { join } from 'node:path'
import t from 'tap'
import { columnsOf } from '../../../src/cli/live/fit-text.ts'
import { NO_TMUX, Tmux } from '../../helpers/tmux.ts'

const SLOW_DEMO = 'tsdl demo --size 4M --seeds 1 --down 100K -o d'

t.test('a live line survives resizing, Ctrl-Z and fg, and Ctrl-C', { skip: NO_TMUX }, async t => {
  t.testdir()
  const terminal = new Tmux(t)
  terminal.type(SLOW_DEMO, 'Enter')
  await terminal.waitFor(/^tsdl-demo\.bin {2}█+░+ .*%.* KiB\/s .*1 peer {2}\d+s/)
  t.notOk(terminal.isCursorShown)
  for (const columns of [20, 33, 200, 61]) {
    terminal.resize(columns)
    const width = columns === 20 ? /^tsdl-demo\.… +\d+\.\d%$/ : /^tsdl-demo\.\S+ .*% .*KiB\/s/
    const lines = await terminal.waitFor(width)
    t.equal(lines.filter(line => /^tsdl-de/.test(line)).length, 1, `${columns} columns: ${lines.join('\n')}`)
    t.ok(lines.every(line => columnsOf(line) <= columns))
  }
  terminal.type('C-z')
  const stopped = await terminal.waitFor(/Stopped/)
  t.ok(terminal.isCursorShown)
  t.notMatch(stopped.join('\n'), /█/)
  terminal.type('fg', 'Enter')
  await terminal.waitFor(/^tsdl-demo\.bin .*█/)
  t.notOk(terminal.isCursorShown)
  terminal.type('C-c')
  const ended = await terminal.waitFor(/^\$ $|^\$$/)
  t.ok(terminal.isCursorShown)
  t.notMatch(ended.join('\n'), /█/)
})

t.test(
  'a live line fits a terminal without a size, and a terminal that cannot redraw gets none',
  { skip: NO_TMUX },
  async t => {
    t.testdir()
    const terminal = new Tmux(t)
    terminal.type(`stty cols 0 rows 0; ${SLOW_DEMO}`, 'Enter')
    await terminal.waitFor(/^tsdl-demo\.bin .*█/)
    terminal.type('C-c')
    await terminal.waitFor(/^\$$/)
    terminal.type(`clear; stty cols 80; NO_COLOR=1 ${SLOW_DEMO}`, 'Enter')
    await terminal.waitFor(/^tsdl-demo\.bin .*█/)
    t.notOk(terminal.styled.includes('\x1b['))
    terminal.type('C-c')
    await terminal.waitFor(/^\$$/)
    const sent = terminal.record(join(t.testdirName, 'sent'))
    terminal.type('clear; TERM=dumb tsdl demo --size 100K -o e', 'Enter')
    await terminal.waitFor(/ verified in /)
    await terminal.waitFor(/^sha256 /)
    t.notOk(sent().includes('\x1b[?25l'), 'the cursor is never hidden, and nothing is drawn')
  },
)
