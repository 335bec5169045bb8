import { readFileSync } from 'node:fs'
import { defineConfig } from 'rolldown'
import { styles } from './scripts/styles.js'

const { exports } = JSON.parse(readFileSync('package.json', 'utf8'))
/** The entries of the library, `index` and `streams/index` and so on: from the package's exports. */
const library = Object.values(exports)
  .flatMap(({ default: file }) => file ?? [])
  .map(file => file.replace(/^\.\/dist\/(.*)\.js$/, '$1'))

/** Notes for minifiers are of no use after ours. */
const comments = false

/** The page in the browser: one script and one style sheet, which `src/server/page/page-assets.ts` serves. */
const page = defineConfig({
  input: { page: 'src/page/main.tsx' },
  platform: 'browser',
  tsconfig: 'src/page/tsconfig.json',
  plugins: [styles('page.css')],
  output: { dir: 'dist/page', entryFileNames: '[name].js', minify: true, comments, codeSplitting: false },
  logLevel: 'warn',
})

// Functions keep their names, so that a stack trace says something.
const keepNames = { function: true, class: true }
const minify = { compress: { keepNames }, mangle: { keepNames }, codegen: true }

/** Small modules that commands share, in one chunk, without what they import. */
const cliGroup = (name, test) => ({ name, test, priority: 2, includeDependenciesRecursively: false })

// The command line and the library in a few files that they share: Node takes a millisecond for every module, and there are
// hundreds.
const node = defineConfig({
  input: {
    cli: 'src/cli.ts',
    ...Object.fromEntries(library.map(entry => [entry, `src/${entry}.ts`])),
  },
  platform: 'node',
  // Groups without what they import need it; no entry has another export by it.
  preserveEntrySignatures: 'allow-extension',
  // Not in the package twice, and loaded by few commands.
  external: ['content-disposition', 'mime', 'picomatch', 'smol-toml', 'string-width'],
  output: {
    dir: 'dist',
    chunkFileNames: 'chunks/[name].js',
    // `tsdl --version` loads no more than it has to, and `tsdl create` neither swarms nor storage, and
    // `tsdl verify` no swarms.
    codeSplitting: {
      groups: [
        {
          name: 'arguments',
          test: /src.(?:version|errors|ports.reason-of|codec.(?:check-arguments|compact)|metainfo.trackers)\.ts$/,
          priority: 2,
        },
        cliGroup(
          'options',
          /node_modules.(?:commander|ms).|src.cli.(?:add-commands|exit|help|http-address|options.+|quantities|range|settings.(?:environment|find-.+|resolve-.+|setting)|stdout|terminal|token)\.ts$/,
        ),
        cliGroup(
          'reports',
          /src.cli.(?:address-family|amounts|command-line|describe-progress|json-reporter|netrc|reporter|source|text-lines|text-reporter)\.ts$/,
        ),
        cliGroup(
          'downloads',
          /src.cli.(?:client|destinations.(?!pipe-worker|stdout-worker|tar).+|download-run|load|log-file|open-page|prune-records|run-until-signal|state|torrent-monitor)\.ts$/,
        ),
        cliGroup(
          'creation',
          /src.(?:hashing.(?:create-.+|hash-files|hash-trees)|metainfo.(?:create|edit-torrent|encode-content|hash-sources))\.ts$/,
        ),
        cliGroup('session', /src.session./),
        cliGroup(
          'archives',
          /node_modules.tar.|src.(?:cli.destinations.tar|codec.tar-header|pipeline.(?:sinks.tar|stream-tar)|streams.read.tar-packer)\.ts$/,
        ),
        { name: 'hashing', test: /src.(?:codec.merkle|metainfo.|hashing.)/, priority: 1 },
        {
          name: 'checking',
          test: /src.pipeline.(?:verify|sources.torrent-source|resume.check)\.ts$/,
          priority: 1,
        },
      ],
    },
    minify,
    comments,
  },
  logLevel: 'warn',
})

/** The program of a worker thread, beside the chunk of its owner: one file, as a thread loads its modules one by one. */
const worker = (name, source) =>
  defineConfig({
    input: { [name]: source },
    platform: 'node',
    output: { dir: 'dist/chunks', codeSplitting: false, minify },
    logLevel: 'warn',
  })

export default [
  node,
  worker('file-worker', 'src/storage/file-worker.ts'),
  worker('hash-worker', 'src/hashing/hash-worker.ts'),
  worker('pipe-worker', 'src/cli/destinations/pipe-worker.ts'),
  page,
]
