import { InputError } from '../../errors.ts'
import { addressFamilyFor } from '../address-family.ts'
import { EXIT_CODES } from '../exit.ts'
import type { Reporter } from '../reporter.ts'
import { printLine } from '../stdout.ts'
import { json, visible } from '../terminal.ts'
import { askServer, parseServerUrl } from './ask-server.ts'
import { describeBottleneck } from './describe-bottleneck.ts'
import type { Diagnosis, WhyOptions } from './diagnosis.ts'
import { measureSource } from './measure-source.ts'

/** Prints what limits a download, or the torrents of a running server. Returns the exit code. */
export async function why(source: string, options: WhyOptions, reporter: Reporter): Promise<number> {
  const server = parseServerUrl(source)
  if (!server && options.token !== undefined)
    throw new InputError('ERR_USAGE', `--token is for the URL of a server, and ${source} is none`)
  const torrents = server
    ? await askServer(server, options.token, addressFamilyFor(options))
    : [await measureSource(source, options, reporter)]
  reporter.close()
  await printLine(options.json ? json({ torrents }) : visible(describeDiagnoses(torrents)))
  return EXIT_CODES.ok
}

/** Describes torrents as text: one sentence for each, and the evidence if there is only one. */
function describeDiagnoses(torrents: readonly Diagnosis[]): string {
  const [first, ...others] = torrents
  if (!first) return 'the server has no torrents'
  if (others.length > 0) return torrents.map(torrent => `${torrent.name}: ${sentenceOf(torrent)}`).join('\n')
  return first.bottleneck ? describeBottleneck(first.bottleneck, first) : sentenceOf(first)
}

function sentenceOf({ bottleneck, status }: Diagnosis): string {
  return bottleneck?.sentence ?? `it does not run (${status})`
}
