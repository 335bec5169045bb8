/** A terminal of tmux, in which a test types and reads the screen. */
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

/** The reason to skip tests in a terminal, or false. */
export const NO_TMUX = hasTmux() ? false : 'tmux is not installed'

/** A shell in its own terminal, in the directory of the test, with `tsdl` as a command. */
export class Tmux {
  readonly #socket: string
  /** A client of tmux that prints a line for each output of the terminal. */
  readonly #observer: ChildProcess

  constructor(t: Test, { columns = 80, env = {} }: { columns?: number; env?: Record<string, string> } = {}) {
    // a path of a socket may have 107 bytes
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

  /** Types texts and keys with the names of `send-keys`: `C-c`, `Enter`. */
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

  /** Writes everything that the terminal receives to a file. Returns a function that reads it. */
  record(path: string): () => string {
    this.#run('pipe-pane', `cat > '${path}'`)
    return () => (existsSync(path) ? readFileSync(path, 'utf8') : '')
  }

  get isCursorShown(): boolean {
    return this.#run('display-message', '-p', '#{cursor_flag}').trim() === '1'
  }

  /** Resolves with the screen when a line of it matches. The timeout of the test ends the wait. */
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
