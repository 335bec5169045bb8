/**
 * Runs compiled tests one after another in this process. The paths are in the environment variable TEST_FILES, one per line;
 * tap names the directories of tests by the first argument, which has to be unique among the processes that run at once.
 */
import { pathToFileURL } from 'node:url'
import t from 'tap'

const files = process.env.TEST_FILES.split('\n')
let importAll
// The first test waits until all files are loaded, because imports would disturb measurements of tests.
t.test(`${files.length} files are loaded`, () => new Promise(resolve => (importAll = resolve)))
for (const file of files) {
  t.comment(file)
  await import(pathToFileURL(file))
}
importAll()
