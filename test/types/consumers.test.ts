import { execFile } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { inProject, PROJECT_DIRECTORY } from '../helpers/project.ts'

const COMPILER_PATHS = {
  'the oldest TypeScript': join(PROJECT_DIRECTORY, 'test/types/compilers/node_modules/oldest'),
  'the last TypeScript in JavaScript': join(PROJECT_DIRECTORY, 'node_modules/typescript'),
  'the newest TypeScript': join(PROJECT_DIRECTORY, 'node_modules/typescript-7'),
}
const COMPILER_OPTIONS = [
  { lib: ['es2023'], module: 'nodenext', moduleResolution: 'nodenext' },
  { lib: ['es2023', 'dom', 'dom.iterable'], module: 'esnext', moduleResolution: 'bundler' },
]

for (const [name, compiler] of Object.entries(COMPILER_PATHS)) {
  const skip = existsSync(compiler) ? false : 'not installed: npm ci --prefix test/types/compilers'
  t.test(`a program that uses the library compiles with ${name}`, { skip }, async t => {
    const folder = t.testdir()
    mkdirSync(join(folder, 'node_modules'))
    symlinkSync(PROJECT_DIRECTORY, join(folder, 'node_modules/tsdl'))
    symlinkSync(join(PROJECT_DIRECTORY, 'node_modules/@types'), join(folder, 'node_modules/@types'))
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
    cpSync(inProject('test/types/consumer.ts'), join(folder, 'consumer.ts'))
    for (const environment of COMPILER_OPTIONS) {
      const compilerOptions = {
        ...environment,
        ...{ target: 'es2022', strict: true, skipLibCheck: false, noEmit: true, types: ['node'] },
      }
      writeFileSync(
        join(folder, 'tsconfig.json'),
        JSON.stringify({ compilerOptions, files: ['consumer.ts'] }),
      )
      t.equal(await compile(compiler, folder), '', `lib ${environment.lib}, ${environment.moduleResolution}`)
    }
  })
}

/** Resolves with the compiler's complaints. */
function compile(compiler: string, folder: string): Promise<string> {
  const program = join(compiler, 'bin/tsc')
  return new Promise(resolve => {
    execFile(process.execPath, [program, '-p', folder], (_error, stdout) => resolve(stdout))
  })
}
