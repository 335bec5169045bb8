import { execFile } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import t from 'tap'
import type TypeScript from 'typescript'
import { inProject, PROJECT_DIRECTORY } from '../helpers/project.ts'

/** Returns the errors of the compiler for the project of a folder. */
type Compile = (folder: string) => string | Promise<string>

const OLDEST_PATH = inProject('test/types/compilers/node_modules/oldest')
const TESTED_COMPILERS: [name: string, path: string, compile: Compile][] = [
  ['the oldest TypeScript', OLDEST_PATH, folder => compileHere(OLDEST_PATH, folder)],
  [
    'the last TypeScript in JavaScript',
    inProject('node_modules/typescript'),
    folder => compileHere(inProject('node_modules/typescript'), folder),
  ],
  ['the newest TypeScript', inProject('node_modules/typescript-7'), compileWithNewest],
]
const COMPILER_OPTIONS = [
  { lib: ['es2023'], module: 'nodenext', moduleResolution: 'nodenext' },
  { lib: ['es2023', 'dom', 'dom.iterable'], module: 'esnext', moduleResolution: 'bundler' },
]
const PROGRAM_FILES = ['consumer.ts', 'mistake.ts']

for (const [name, path, compile] of TESTED_COMPILERS) {
  const skip = existsSync(path) ? false : 'not installed: npm ci --prefix test/types/compilers'
  t.test(`a program that uses the library compiles with ${name}`, { skip }, async t => {
    const folder = createProject(t.testdir())
    for (const environment of COMPILER_OPTIONS) {
      const compilerOptions = {
        ...environment,
        ...{ target: 'es2022', strict: true, skipLibCheck: false, noEmit: true, types: ['node'] },
      }
      writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: PROGRAM_FILES }))
      const complaints = (await compile(folder)).split('\n').filter(line => line !== '')
      t.strictSame(
        complaints.filter(line => !line.startsWith('mistake.ts')),
        [],
        `lib ${environment.lib}, ${environment.moduleResolution}`,
      )
      t.ok(
        complaints.some(line => line.startsWith('mistake.ts')),
        'and a mistake is found',
      )
    }
  })
}

/** Returns a folder in which tsdl is installed. */
function createProject(folder: string): string {
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(PROJECT_DIRECTORY, join(folder, 'node_modules/tsdl'))
  symlinkSync(inProject('node_modules/@types'), join(folder, 'node_modules/@types'))
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
  cpSync(inProject('test/types/consumer.ts'), join(folder, 'consumer.ts'))
  writeFileSync(join(folder, 'mistake.ts'), "import { decode } from 'tsdl/codec'\ndecode(1)\n")
  return folder
}

/** Runs the newest compiler, which is a separate program and checks all files, also those of TypeScript and of Node. */
function compileWithNewest(folder: string): Promise<string> {
  const program = inProject('node_modules/typescript-7/bin/tsc')
  return new Promise(resolve => {
    execFile(process.execPath, [program], { cwd: folder }, (_error, stdout) => resolve(stdout))
  })
}

/**
 * Compiles in this process with a compiler in JavaScript. It checks the program, our declarations and those that ours
 * refer to. The declarations of TypeScript and of Node would take three times as long, and do not concern us.
 */
function compileHere(compiler: string, folder: string): string {
  const ts: typeof TypeScript = createRequire(import.meta.url)(compiler)
  const read = ts.readConfigFile(join(folder, 'tsconfig.json'), ts.sys.readFile)
  const { options, fileNames, errors } = ts.parseJsonConfigFileContent(read.config, ts.sys, folder)
  const program = ts.createProgram(fileNames, options)
  const files = program
    .getSourceFiles()
    .filter(file => !program.isSourceFileDefaultLibrary(file) && !file.fileName.includes('/@types/node/'))
  const diagnostics = [
    ...errors,
    ...program.getOptionsDiagnostics(),
    ...program.getSyntacticDiagnostics(),
    ...program.getGlobalDiagnostics(),
    ...files.flatMap(file => program.getSemanticDiagnostics(file)),
  ]
  return ts.formatDiagnostics(diagnostics, {
    getCurrentDirectory: () => folder,
    getCanonicalFileName: name => name,
    getNewLine: () => '\n',
  })
}
