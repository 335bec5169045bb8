import { defineConfig } from 'rolldown'

// The command line in a few files: Node takes a millisecond for every module, and there are over a hundred.
export default defineConfig({
  input: 'src/cli.ts',
  platform: 'node',
  output: { dir: 'dist', chunkFileNames: 'chunks/[name].js', minify: false },
  logLevel: 'warn',
})
