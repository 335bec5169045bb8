/** A terminal of tmux, in which a test types and looks at the screen. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inProject } from './project.ts'

interface Test {
  teardown(call: () => unknown): unknown
  readonly testdirName: string
}

/** Why tests in a terminal are skipped, or false. */
export const NO_TMUX = hasTmux() ? false : 'tmux is not installed'

/** A shell in a terminal of its own, in the directory of the test. `tsdl` is a command there. */
export class Tmux {
  readonly #socket: string
  /** A client of tmux that prints a line for each output of the terminal. */
  readonly #observer: ChildProcess

  constructor(t: Test, { columns = 80, env = {} }: { columns?: number; env?: Record<string, string> } = {}) {
    // the path of a socket has 107 bytes at most
    const directory = mkdtempSync(join(tmpdir(), 'tsdl-tmux-'))
    this.#socket = join(directory, 'socket')
    const variables = {
      ...{
        LANG: 'C.UTF-8',
        PS1: '$ ',
        HISTFILE: '',
        XDG_STATE_HOME: t.testdirName,
        XDG_CONFIG_HOME: t.testdirName,
      },
      ...env,
    }
    const set = Object.entries(variables).flatMap(([name, value]) => ['-e', `${name}=${value}`])
    const size = ['-x', String(columns), '-y', '24']
    this.#run(
      '-f',
      '/dev/null',
      'new-session',
      '-d',
      ...size,
      ...set,
      '-c',
      t.testdirName,
      'bash --norc --noprofile',
    )
    const observe = ['-S', this.#socket, '-C', 'attach-session', '-f', 'ignore-size']
    this.#observer = spawn('tmux', observe, { stdio: ['pipe', 'pipe', 'inherit'] })
    t.teardown(async () => {
      const ended = once(this.#observer, 'close')
      this.#run('kill-server')
      await ended
      rmSync(directory, { recursive: true })
    })
    this.type(`PS1='$ '; tsdl() { ${process.execPath} ${inProject('dist/cli.js')} "$@"; }; clear`, 'Enter')
  }

  /** Types texts and keys, as `send-keys` has them: `C-c`, `Enter`. */
  type(...keys: string[]): void {
    this.#run('send-keys', ...keys)
  }

  resize(columns: number, rows = 24): void {
    this.#run('resize-window', '-x', String(columns), '-y', String(rows))
  }

  /** The lines of the screen, without blank ones at the end. */
  get lines(): string[] {
    return this.#run('capture-pane', '-p').trimEnd().split('\n')
  }

  /** The screen with its escape sequences for colours. */
  get styled(): string {
    return this.#run('capture-pane', '-p', '-e')
  }

  /** Writes all that the terminal receives to a file. Returns a function that reads it. */
  record(path: string): () => string {
    this.#run('pipe-pane', `cat > '${path}'`)
    return () => (existsSync(path) ? readFileSync(path, 'utf8') : '')
  }

  get isCursorShown(): boolean {
    return this.#run('display-message', '-p', '#{cursor_flag}').trim() === '1'
  }

  /** Resolves with the screen when a line of it matches. The test's own timeout ends the wait. */
  async waitFor(pattern: RegExp): Promise<string[]> {
    for (;;) {
      const { lines } = this
      if (lines.some(line => pattern.test(line))) return lines
      await once(this.#observer.stdout!, 'data')
    }
  }

  #run(...args: string[]): string {
    return execFileSync('tmux', ['-u', '-S', this.#socket, ...args], {
      encoding: 'utf8',
      env: { PATH: process.env.PATH, LANG: 'C.UTF-8' },
    })
  }
}

function hasTmux(): boolean {
  try {
    execFileSync('tmux', ['-V'])
    return true
  } catch {
    return false
  }
}
