import t from 'tap'
import { runAtOnce } from '../../src/codec/steps.ts'
import { placePaths } from '../../src/metainfo/paths.ts'
import { growth, PROPORTIONAL_RATIO } from '../helpers/growth.ts'

/** Returns the paths for names, joined by `/` for brevity, and the warnings. */
const made = (...paths: Given[]) => read(paths, true)
/** Does the same for Linux and macOS. */
const asGiven = (...paths: Given[]) => read(paths, false)

type Given = string | (string | Buffer)[]

function read(paths: readonly Given[], portable: boolean): { paths: string[]; warnings: string[] } {
  const warnings: string[] = []
  const raw = paths.map((path, index) => ({
    where: `file ${index}`,
    names: (typeof path === 'string' ? path.split('/') : path).map(name => Buffer.from(name)),
  }))
  return { paths: runAtOnce(placePaths(raw, sentence => warnings.push(sentence), portable)), warnings }
}

const one = (name: string | Buffer) => made([name]).paths[0]!

t.test('ordinary names are unchanged, without a warning', async t => {
  const names = [
    'a.txt',
    'dir/b',
    '.hidden',
    'ünï/日本語.mkv',
    'a..b',
    '...x',
    'CONSOLE',
    'x (1)',
    '👩‍👩‍👧.png',
    ' x',
  ]
  t.same(made(...names), { paths: names, warnings: [] })
})

t.test('a path that leaves the directory is rejected with a message that names file and path', async t => {
  const attacks: [string[], RegExp][] = [
    [['..', 'x'], /unsafe path "\.\.\/x": it leaves/],
    [['a', '..', '..', 'x'], /it leaves/],
    [['a', '..'], /it leaves/],
    [['', 'etc', 'passwd'], /unsafe path "\/etc\/passwd": it is absolute/],
    [[''], /it is empty/],
    [['.', '.'], /it is empty/],
  ]
  for (const [names, message] of attacks) {
    for (const portable of [true, false])
      t.throws(
        () => read(['fine', names], portable),
        { name: 'InputError', code: 'ERR_PATH', message },
        JSON.stringify(names),
      )
    t.throws(() => made('fine', names), { message: /^file 1: / })
  }
})

t.test('a separator or NUL inside a name is replaced', async t => {
  const cases: [name: string, portable: string, asGiven: string][] = [
    ['Side A/B.mp3', 'Side A_B.mp3', 'Side A_B.mp3'],
    ['AC\\DC.mp3', 'AC_DC.mp3', 'AC\\DC.mp3'],
    ['/etc/passwd', '_etc_passwd', '_etc_passwd'],
    ['../../x', '.._.._x', '.._.._x'],
    ['..\\x', '.._x', '..\\x'],
    ['C:\\x', 'C__x', 'C:\\x'],
    ['\\\\host\\share', '__host_share', '\\\\host\\share'],
    ['a\0.txt', 'a_.txt', 'a_.txt'],
    ['/', '_', '_'],
  ]
  for (const [name, portable, given] of cases) {
    t.same(made(['dir', name]).paths, [`dir/${portable}`], JSON.stringify(name))
    t.same(asGiven(['dir', name]).paths, [`dir/${given}`], JSON.stringify(name))
    t.equal(made(['dir', name]).warnings.length, 1)
  }
  t.same(made(['a/b'], ['a', 'b'], ['a_b']).paths, ['a_b (1)', 'a/b', 'a_b'])
})

t.test('a name that is invalid only on Windows is unchanged on other systems, without a warning', async t => {
  const names = ['a<b>c:d"e|f?g*h', 'C:', 'dots...', 'space . ', '...', '.. ', 'CON', 'nul.tar.gz', 'a\\b']
  t.same(asGiven(...names.map(name => [name])), { paths: names, warnings: [] })
  t.same(asGiven(['tab\tnew\nline'], ['gpj\u202eexe']).paths, ['tab_new_line', 'gpj_exe'])
  t.equal(asGiven([`${'?'.repeat(300)}.flac`]).paths[0], `${'?'.repeat(250)}.flac`)
})

t.test('of two colliding names the one that needed no replacement is kept', async t => {
  t.same(made(['a:b'], ['a_b']).paths, ['a_b (1)', 'a_b'])
  t.same(asGiven(['a\nb'], ['a_b'], ['A_B']).paths, ['a_b (2)', 'a_b', 'A_B (1)'])
})

t.test('errors and warnings contain no control characters', async t => {
  try {
    made(['\u001b]0;x\u0007\u202e\u009b', '..'])
    t.fail('not refused')
  } catch (error) {
    t.match((error as Error).message, '\\u001b]0;x\\u0007\\u202e\\u009b/..')
    t.notMatch((error as Error).message, /[\p{Cc}\u202e]/u)
  }
  t.notMatch(made(['\u001b\u202e']).warnings[0], /[\p{Cc}\u202e]/u)
})

t.test('empty and single-dot names inside a path are omitted with a warning', async t => {
  const { paths, warnings } = made(['a', '', '.', 'b'])
  t.same(paths, ['a/b'])
  t.equal(warnings.length, 2)
})

t.test('a name that is invalid on some system is replaced with a warning', async t => {
  const cases: [string, string][] = [
    ['a<b>c:d"e|f?g*h', 'a_b_c_d_e_f_g_h'],
    ['C:', 'C_'],
    ['tab\tnew\nline\u007f\u0085', 'tab_new_line__'],
    ['gpj\u202eexe', 'gpj_exe'],
    ['\ufeffa\u200b', '_a_'],
    ['dots...', 'dots'],
    ['space . ', 'space'],
    ['...', '_'],
    ['.. ', '_'],
    ['CON', '_CON'],
    ['nul.tar.gz', '_nul.tar.gz'],
    ['Com1.txt', '_Com1.txt'],
    ['LPT9 .x', '_LPT9 .x'],
    ['COM²', '_COM²'],
  ]
  for (const [name, safe] of cases) {
    const { paths, warnings } = made([name])
    t.same(paths, [safe], JSON.stringify(name))
    t.equal(warnings.length, 1)
  }
  t.match(made(['a', 'CON']).warnings, ['file 0: "CON" is written as "_CON"'])
})

t.test('invalid UTF-8 in a name is replaced in the same way every time', async t => {
  const name = Buffer.from([0x61, 0xff, 0xe4, 0x2e, 0x78])
  t.equal(one(name), 'a\ufffd\ufffd.x')
  t.match(made([name]).warnings, [/not UTF-8/])
  t.same(made([name], [Buffer.from([0x61, 0xfe, 0xe4, 0x2e, 0x78])]).paths, [
    'a\ufffd\ufffd.x',
    'a\ufffd\ufffd (1).x',
  ])
})

t.test('a name is cut to 255 bytes, with its extension and without splitting a code point', async t => {
  t.equal(one('a'.repeat(255)), 'a'.repeat(255))
  t.equal(one(`${'a'.repeat(300)}.flac`), `${'a'.repeat(250)}.flac`)
  t.equal(one(`${'é'.repeat(200)}.mp3`), `${'é'.repeat(125)}.mp3`)
  t.equal(one('😀'.repeat(100)), '😀'.repeat(63))
  t.equal(one(`a.${'b'.repeat(300)}`), `a.${'b'.repeat(253)}`)
  t.equal(one(`CON${' '.repeat(300)}x`), '_CON', 'the cut does not create a reserved name')
  t.equal(one(`CON.${'x'.repeat(300)}`).length, 255)
})

t.test('a path that is too long or too deep is rejected', async t => {
  const refused = { code: 'ERR_PATH' }
  t.throws(() => made(Array(15).fill('a'.repeat(255))), {
    ...refused,
    message: /3839 bytes, the limit is 3584/,
  })
  t.doesNotThrow(() => made(Array(14).fill('a'.repeat(255))))
  t.throws(() => made(Array(129).fill('a')), { ...refused, message: /129 names, the limit is 128/ })
  t.doesNotThrow(() => made(Array(128).fill('a')))
})

t.test('no two files have paths that a file system treats as equal', async t => {
  const cases: [string[], string[]][] = [
    [
      ['a.txt', 'a.txt', 'a.txt'],
      ['a.txt', 'a (1).txt', 'a (2).txt'],
    ],
    [
      ['A.txt', 'a.TXT'],
      ['A.txt', 'a (1).TXT'],
    ],
    [
      ['Dir/x', 'dir/X'],
      ['Dir/x', 'dir/X (1)'],
    ],
    [
      ['\u00e9', 'e\u0301'],
      ['\u00e9', 'e\u0301 (1)'],
    ],
    [
      ['a:b', 'a?b'],
      ['a_b', 'a_b (1)'],
    ],
  ]
  for (const [names, paths] of cases) t.same(made(...names).paths, paths, JSON.stringify(names))
})

t.test('a numbered path never equals the requested path of a later file', async t => {
  t.same(made('x', 'x', 'x (1)').paths, ['x', 'x (2)', 'x (1)'])
})

t.test('a file never has the path of a directory, in either order', async t => {
  t.same(made('a', 'a/b').paths, ['a (1)', 'a/b'])
  t.same(made('A/b/c', 'a/B', 'a').paths, ['A/b/c', 'a/B (1)', 'a (1)'])
  t.same(made('a', 'a/b', 'a (1)/c').paths, ['a (2)', 'a/b', 'a (1)/c'])
})

t.test('a long name with a number stays within 255 bytes', async t => {
  const name = `${'é'.repeat(125)}.mp3`
  const [, second] = made(name, name).paths
  t.ok(Buffer.byteLength(second!) <= 255)
  t.match(second, /é \(1\)\.mp3$/)
})

t.test('thousands of files with the same name get distinct paths', async t => {
  const numberNames = (count: number) => {
    const names = Array.from({ length: count }, (_, index) => `${'x'.repeat(240)}${index % (count / 2)}`)
    t.equal(new Set(made(...names).paths).size, names.length)
  }
  const times = growth(numberNames, 5000)
  t.ok(times < PROPORTIONAL_RATIO, `${times} times the cost for four times the files`)
})
