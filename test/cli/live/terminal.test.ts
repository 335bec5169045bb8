import { join } from 'node:path'
import t from 'tap'
import { columnsOf } from '../../../src/cli/live/fit-text.ts'
import { NO_TMUX, Tmux } from '../../helpers/tmux.ts'

/** A download that takes longer than a test on a busy machine. */
const SLOW_DEMO = 'tsdl demo --size 16M --seeds 1 --down 100K -o d'
/** The line at each of these widths: without a bar, with a bar and all fields, with a bar and some fields. */
const LINE_PATTERNS = new Map([
  [20, /^tsdl-demo\S+ +\d+\.\d%$/],
  [33, /^tsdl-demo\S+ +[\d.]+% +[\d.]+ KiB\/s$/],
  [200, /^tsdl-demo\.bin {2}[█░]{40} .*% .* of 16 MiB .*KiB\/s .*1 peer /],
  [61, /^tsdl-demo\S+ {2}[█░]{10,} +[\d.]+% +[\d.]+ KiB\/s /],
])

t.test('a live line survives resizing, Ctrl-Z and fg, and Ctrl-C', { skip: NO_TMUX }, async t => {
  t.testdir()
  const terminal = new Tmux(t)
  terminal.type(SLOW_DEMO, 'Enter')
  await terminal.waitFor(/^tsdl-demo\S+ {2}[█░]+ .*%.* KiB\/s .*1 peer {2}/)
  t.notOk(terminal.isCursorShown)
  for (const [columns, pattern] of LINE_PATTERNS) {
    terminal.resize(columns)
    const lines = await terminal.waitFor(pattern)
    t.equal(lines.filter(line => /^tsdl-de/.test(line)).length, 1, `${columns} columns: ${lines.join('\n')}`)
    t.ok(lines.every(line => columnsOf(line) <= columns))
  }
  terminal.type('C-z')
  const stopped = await terminal.waitFor(/Stopped/)
  t.ok(terminal.isCursorShown)
  t.notMatch(stopped.join('\n'), /[█░]/)
  terminal.type('fg', 'Enter')
  await terminal.waitFor(/^tsdl-demo\S+ {2}[█░]+ /)
  t.notOk(terminal.isCursorShown)
  terminal.type('C-c')
  const ended = await terminal.waitFor(/^\$ $|^\$$/)
  t.ok(terminal.isCursorShown)
  t.notMatch(ended.join('\n'), /[█░]/)
})

t.test(
  'a live line fits a terminal without a size, and a terminal that cannot redraw gets none',
  { skip: NO_TMUX },
  async t => {
    t.testdir()
    const terminal = new Tmux(t)
    terminal.type(`stty cols 0 rows 0; ${SLOW_DEMO}`, 'Enter')
    await terminal.waitFor(/^tsdl-demo\S+ {2}[█░]+ /)
    terminal.type('C-c')
    await terminal.waitFor(/^\$$/)
    // a size that is not that of the terminal, as for a moment after a change
    terminal.type(`clear; stty cols 120; ${SLOW_DEMO}`, 'Enter')
    const shareIn = (lines: string[]) =>
      /[\d.]+%/.exec(lines.find(line => /^tsdl-de.*%/.test(line)) ?? '')?.[0] ?? ''
    const first = shareIn(await terminal.waitFor(/^tsdl-demo\.bin .*[█░].*%/))
    const later = await terminal.waitFor(new RegExp(`^tsdl-demo\\.bin (?!.* ${first}).*%`))
    t.equal(later.filter(line => /^tsdl-de|peer/.test(line)).length, 1, later.join('\n'))
    terminal.type('C-c')
    await terminal.waitFor(/^\$$/)
    terminal.type(`clear; stty cols 80; NO_COLOR=1 ${SLOW_DEMO}`, 'Enter')
    await terminal.waitFor(/^tsdl-demo\S+ {2}[█░]+ /)
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
