import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

/** The directory of the project, for a test in TypeScript and for a test that was compiled into `build`. */
export const PROJECT_DIRECTORY = findProject(dirname(fileURLToPath(import.meta.url)))

/** The argument with which Node runs TypeScript. */
export const TYPESCRIPT_FLAG = `--import=${pathToFileURL(inProject('test/helpers/typescript/register.js'))}`

const isCompiled = import.meta.url.endsWith('.js')

/** Node's arguments for a program of {@link moduleOf}. */
export const MODULE_ARGUMENTS: readonly string[] = isCompiled ? [] : [TYPESCRIPT_FLAG]

/**
 * Returns the path of a module of the project, such as `src/index.ts`, or of the compiled module if this test is
 * compiled.
 */
export function moduleOf(path: string): string {
  return inProject(isCompiled ? `build/${path.replace(/\.ts$/, '.js')}` : path)
}

/** Returns the path of a file of the project, such as `fixtures/transmission-single.torrent`. */
export function inProject(path: string): string {
  return join(PROJECT_DIRECTORY, path)
}

function findProject(directory: string): string {
  return existsSync(join(directory, 'package.json')) ? directory : findProject(dirname(directory))
}
