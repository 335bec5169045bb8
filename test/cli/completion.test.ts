import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { CLI_COMMANDS } from '../../src/cli/commands.ts'
import { bashCompletion } from '../../src/cli/completion/bash.ts'
import { fishCompletion } from '../../src/cli/completion/fish.ts'
import { flagsOf } from '../../src/cli/completion/flags.ts'
import { manPage } from '../../src/cli/completion/man-page.ts'
import { zshCompletion } from '../../src/cli/completion/zsh.ts'
import { tsdl } from '../helpers/cli.ts'
import { inProject } from '../helpers/project.ts'
import { NO_TMUX, Tmux } from '../helpers/tmux.ts'

/** Returns the reason to skip a test without a program, or false. */
function without(program: string): string | false {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`])
    return false
  } catch {
    return `${program} is not installed`
  }
}

const run = (program: string, args: readonly string[], cwd: string) =>
  execFileSync(program, args, {
    cwd,
    encoding: 'utf8',
    env: { PATH: process.env.PATH, HOME: cwd, TERM: 'xterm' },
  })

/** Command lines up to the word that is completed, and candidates that are and are not offered. */
const COMPLETION_ROWS: readonly (readonly [words: readonly string[], offered: string, notOffered: string])[] =
  [
    [['se'], 'seed', 'get'],
    [['--dry'], '--dry-run', '--tar'],
    [['seed', '--sup'], '--super-seed', '--seed-ratio'],
    [['create', '--form'], '--format', '--file'],
    [['create', '--format', 'hy'], 'hybrid', 'v1'],
    [['--encryption', 're'], 'require', 'prefer'],
    [['-o', 'di'], 'directory', 'dinner.txt'],
  ]

t.test('bash completes commands, flags, choices and directories', { skip: without('bash') }, async t => {
  const cwd = t.testdir({ directory: {}, 'dinner.txt': '' })
  writeFileSync(join(cwd, 'script'), bashCompletion(CLI_COMMANDS))
  for (const [words, offered, notOffered] of COMPLETION_ROWS) {
    const program = `compopt() { :; }; source ./script; COMP_WORDS=(tsdl "$@"); COMP_CWORD=$#; _tsdl; printf '%s\\n' "\${COMPREPLY[@]}"`
    const found = run('bash', ['--norc', '-c', program, 'x', ...words], cwd).split('\n')
    t.ok(found.includes(offered) && !found.includes(notOffered), `${words.join(' ')}: ${found.join(' ')}`)
  }
})

t.test('fish completes commands, flags, choices and directories', { skip: without('fish') }, async t => {
  const cwd = t.testdir({ directory: {}, 'dinner.txt': '' })
  writeFileSync(join(cwd, 'script'), fishCompletion(CLI_COMMANDS))
  for (const [words, offered, notOffered] of COMPLETION_ROWS) {
    const output = run('fish', ['-N', '-c', `source script; complete -C 'tsdl ${words.join(' ')}'`], cwd)
    const found = output.split('\n').map(line => line.replace(/[\t/].*/, ''))
    t.ok(found.includes(offered) && !found.includes(notOffered), `${words.join(' ')}: ${found.join(' ')}`)
  }
})

t.test(
  'zsh completes commands, flags, choices and directories',
  { skip: without('zsh') || NO_TMUX },
  async t => {
    t.testdir()
    const terminal = new Tmux(t)
    for (const name of ['directory', 'dinner.txt', '_tsdl']) {
      const path = join(t.testdirName, name)
      if (name === 'directory') mkdirSync(path)
      else writeFileSync(path, name === '_tsdl' ? zshCompletion(CLI_COMMANDS) : '')
    }
    terminal.type("clear; PS1='%% ' zsh -f", 'Enter')
    terminal.type(
      "PS1='%% '; fpath=($PWD $fpath); autoload -Uz compinit; compinit -u -D; clear; echo ready",
      'Enter',
    )
    await terminal.waitFor(/^ready$/)
    for (const [words, offered] of COMPLETION_ROWS) {
      terminal.type(`tsdl ${words.join(' ')}`, 'Tab')
      // the word itself is completed, or it is in a list of several
      await terminal.waitFor(new RegExp(`(^|\\s)${offered}(/|\\s|$)`))
      terminal.type('C-c')
      terminal.type('clear', 'Enter')
      await terminal.waitFor(/^% *$/)
    }
    t.pass('each was offered')
  },
)

t.test('every flag of every command is in each script', async t => {
  const scripts = [bashCompletion(CLI_COMMANDS), zshCompletion(CLI_COMMANDS)]
  const fish = fishCompletion(CLI_COMMANDS)
  for (const command of CLI_COMMANDS) {
    for (const { long } of flagsOf(command)) {
      for (const script of scripts) t.ok(script.includes(long), `${command.name} ${long}`)
      t.ok(fish.includes(` -l ${long.slice(2)}`), `${command.name} ${long}`)
    }
  }
})

t.test('tsdl completion prints a script; docs/tsdl.1 is the manual page', async t => {
  const [bash, man, other] = await Promise.all([
    tsdl(['completion', 'bash']),
    tsdl(['completion', 'man']),
    tsdl(['completion', 'tcsh']),
  ])
  t.equal(bash.stdout.toString(), bashCompletion(CLI_COMMANDS))
  t.match(other, { code: 2, stderr: /^tsdl: shell: not one of bash, zsh, fish, man: 'tcsh' / })
  t.equal(man.stdout.toString(), manPage(CLI_COMMANDS))
  const stored = readFileSync(inProject('docs/tsdl.1'), 'utf8')
  t.ok(stored === manPage(CLI_COMMANDS), 'after a change: node dist/cli.js completion man > docs/tsdl.1')
  t.equal(JSON.parse(readFileSync(inProject('package.json'), 'utf8')).man, './docs/tsdl.1')
})

t.test('mandoc reports no fault in the manual page', { skip: without('mandoc') }, async t => {
  const lint = `mandoc -T lint -W warning ${inProject('docs/tsdl.1')} | grep -v 'missing date' || true`
  t.equal(run('sh', ['-c', lint], '/'), '')
})

t.test('man shows the manual page', { skip: without('groff') || without('man') }, async t => {
  const shown = run('sh', ['-c', `MANWIDTH=78 man -l ${inProject('docs/tsdl.1')} | col -b`], '/')
  t.match(shown, /--seed-ratio r/)
  t.match(shown, /TSDL SERVE/)
})
