import { defineConfig } from 'rolldown'

// The command line in a few files: Node takes a millisecond for every module, and there are over a hundred.
// Minified, as the package holds the library beside it; functions keep their names, so that a stack trace says something.
export default defineConfig({
  // A worker is started as the file beside the chunk that holds its owner.
  input: {
    cli: 'src/cli.ts',
    'chunks/file-worker': 'src/storage/file-worker.ts',
    'chunks/hash-worker': 'src/hashing/hash-worker.ts',
    'chunks/pipe-worker': 'src/cli/destinations/pipe-worker.ts',
  },
  platform: 'node',
  output: {
    dir: 'dist',
    chunkFileNames: 'chunks/[name].js',
    minify: {
      compress: { keepNames: { function: true, class: true } },
      mangle: { keepNames: { function: true, class: true } },
      codegen: true,
    },
  },
  logLevel: 'warn',
})
