import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

/** The project's directory, seen from a test as it is written and from a test that was compiled into `build`. */
export const PROJECT_DIRECTORY = findProject(dirname(fileURLToPath(import.meta.url)))

/** Node's argument for a program in TypeScript. */
export const TYPESCRIPT_FLAG = `--import=${pathToFileURL(inProject('test/helpers/typescript/register.js'))}`

const isCompiled = import.meta.url.endsWith('.js')

/** Node's arguments for a program of {@link moduleOf}. */
export const MODULE_ARGUMENTS: readonly string[] = isCompiled ? [] : [TYPESCRIPT_FLAG]

/** Returns the path of a module of the project, such as `src/index.ts`: as it is written, or compiled if this test is. */
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
