/**
 * A program that runs nodes of a DHT that know each other.
 *
 *     dht-nodes.ts HOST COUNT        prints a line of JSON, their ports, and ends when stdin does
 */
import { Dht } from '../../../src/dht/dht.ts'

const [host = '', count = ''] = process.argv.slice(2)
const ports: number[] = []
for (let index = 0; index < Number(count); index++) {
  const bootstrap = ports.slice(0, 1).map(port => ({ host, port }))
  const node = await new Dht({ bind: host, bootstrap }).start()
  ports.push(node.port()!)
}
process.stdout.write(`${JSON.stringify(ports)}\n`)
process.stdin.on('end', () => process.exit(0)).resume()
