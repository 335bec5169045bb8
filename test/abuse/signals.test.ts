import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import t from 'tap'
import { encodeHandshake } from '../../src/codec/handshake.ts'
import { createFromPath } from '../../src/hashing/create-from-path.ts'
import { startFlooder } from '../helpers/flooder.ts'
import { noise } from '../helpers/metainfo.ts'
import { inProject } from '../helpers/project.ts'
import { msg, RESERVED_BYTES, u32 } from '../helpers/wire.ts'

const cli = inProject('dist/cli.js')
const FLOOD_BYTES = { 'keep-alives': u32(0), interest: Buffer.concat([msg(2), msg(3)]) }

for (const [name, flood] of Object.entries(FLOOD_BYTES)) {
  t.test(`SIGTERM ends a download from a peer that sends a flood of ${name}`, async t => {
    const directory = t.testdir({ content: noise(1 << 20, 1) })
    const { infoHash, torrent } = await createFromPath(join(directory, 'content'), { private: true })
    writeFileSync(join(directory, 'x.torrent'), torrent)
    const hello = encodeHandshake({ infoHash, peerId: Buffer.alloc(20, 'f'), reserved: RESERVED_BYTES.plain })
    const flooder = await startFlooder({ greeting: hello, flood })
    t.teardown(() => flooder.close())
    const args = [cli, join(directory, 'x.torrent'), '-o', join(directory, 'out'), '--json', '--no-tracker']
    const child = spawn(process.execPath, [...args, '--peer', `127.0.0.1:${flooder.address.port}`], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, XDG_STATE_HOME: directory },
    })
    t.teardown(() => child.kill('SIGKILL'))
    const exited = once(child, 'exit')
    for await (const line of createInterface(child.stderr)) if (line.includes('"connected"')) break
    child.stderr.resume()
    while ((await flooder.sent()) < 100_000);
    child.kill('SIGTERM')
    t.equal((await exited)[0], 143)
  })
}
