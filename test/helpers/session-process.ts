/** Changes a session in a directory until it is killed: `session-process.ts DIRECTORY SEED`. Each change is two lines. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Client } from '../../src/pipeline/client.ts'
import { Session } from '../../src/session/session.ts'
import { FileStateStore } from '../../src/session/store/file-state-store.ts'
import { generator } from './feed.ts'
import { smallTorrent } from './session.ts'
import { changeForEver } from './session-changes.ts'
import { OFFLINE_OPTIONS } from './swarm.ts'

const [root, seed] = [process.argv[2]!, Number(process.argv[3])]
const directories = ['one', 'two', 'two/three'].map(name => join(root, name))
for (const directory of directories) await mkdir(directory, { recursive: true })
const session = await Session.open({
  ...{
    client: new Client({ ...OFFLINE_OPTIONS, hashThreads: 0 }),
    hashThreads: 0,
    directory: directories[0]!,
  },
  store: new FileStateStore(join(root, 'state')),
})
const tell = (...values: unknown[]) => process.stdout.write(`${JSON.stringify(values)}\n`)
await changeForEver(
  session,
  {
    ...{ directories, random: generator(seed) },
    make: async number => {
      const made = smallTorrent(`t${seed + number}`, seed + number)
      await writeFile(join(directories[0]!, `t${seed + number}`), made.content)
      return made
    },
  },
  {
    begin: (...values) => tell('begin', ...values.map(value => value ?? null)),
    end: (...values) => tell('end', ...values.map(value => value ?? null)),
  },
)
