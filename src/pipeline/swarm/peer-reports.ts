import { formatAddress, type PeerAddress } from '../../codec/compact.ts'
import { messageOf, PeerError } from '../../errors.ts'
import { systemCode } from '../../ports/file-system.ts'

/** The result of one peer, as text that follows its name: `refused the connection`. */
export interface PeerReport {
  readonly address: PeerAddress
  readonly what: string
}

const REFUSED_CONNECTION = 'refused the connection'
const DID_NOT_ANSWER = 'did not answer'
const HUNG_UP = 'hung up before its handshake'
/** What happens to a TCP connection to a peer that uses only uTP, as other clients can. */
const WITHOUT_TCP = [REFUSED_CONNECTION, DID_NOT_ANSWER, HUNG_UP]
/** Descriptions of what connected peers do, for one peer and for several. */
export const CHOKES_US = 'chokes us'
export const HAS_NO_NEEDED_PIECES = 'has none of the pieces that we lack'
export const SENDS_BLOCKS = 'sends blocks'
export const REJECTS_REQUESTS = 'rejects our requests'
export const ANSWERS_NO_REQUEST = 'answers no request'
export const SENDS_NO_CORRECT_DATA = 'sends no correct data'
export const NOT_ANSWERED_YET = 'has not answered yet'
export const NOT_DIALLED_YET = 'has not been dialled yet'
const PLURAL_FORMS = new Map([
  ['is', 'are'],
  ['has', 'have'],
  ['does', 'do'],
  [CHOKES_US, 'choke us'],
  [REJECTS_REQUESTS, 'reject our requests'],
  [ANSWERS_NO_REQUEST, 'answer no request'],
  [SENDS_NO_CORRECT_DATA, 'send no correct data'],
])
const BY_CODE = new Map([
  ['ECONNREFUSED', REFUSED_CONNECTION],
  ['ETIMEDOUT', DID_NOT_ANSWER],
  ['EHOSTUNREACH', 'could not be reached: no route to it'],
  ['ENETUNREACH', 'could not be reached: no route to its network'],
  ['ENOTFOUND', 'has a name that does not resolve'],
  ['EAI_AGAIN', 'has a name that did not resolve'],
])
/** Number of peers up to which each is named. */
const MAX_NAMED = 10
/** Number of peers that are named for each result if there are more, and of results that are listed. */
const MAX_EXAMPLES = 3
const MAX_KINDS = 6

/** Returns how a connection ended, as text for a report. @param peer `ready` after both handshakes, `isSilent` if it sent nothing */
export function describeEnd(
  error: Error | undefined,
  { ready, isSilent }: { readonly ready: boolean; readonly isSilent: boolean },
): string {
  const code = systemCode(error?.cause)
  const known = code === undefined ? undefined : BY_CODE.get(code)
  if (known) return known
  if (!error || code === 'ECONNRESET' || code === 'EPIPE') return ready ? 'closed the connection' : HUNG_UP
  if (!ready && error instanceof PeerError && error.code === 'ERR_TIMEOUT')
    return isSilent ? 'sent no handshake' : DID_NOT_ANSWER
  const message = messageOf(error).replace(/^(\[[^\]]+\]|[^\s:]+):\d+: /, '') // the report names it
  return error instanceof PeerError && error.code === 'ERR_BANNED' ? `is ${message}` : `failed: ${message}`
}

/**
 * Returns one sentence on all peers: the number of peers for each result, and examples.
 * @param nothing what no peer did: `gives us anything`
 */
export function summarize(reports: Iterable<PeerReport>, nothing: string): string {
  const kinds = new Map<string, { count: number; names: string[] }>()
  let total = 0
  for (const { address, what } of reports) {
    const kind = kinds.get(what) ?? { count: 0, names: [] }
    kinds.set(what, kind)
    if (++kind.count <= MAX_NAMED) kind.names.push(formatAddress(address))
    total++
  }
  const sorted = [...kinds].sort(
    ([a, { count: first }], [b, { count: second }]) => second - first || (a < b ? -1 : 1),
  )
  const [first] = sorted
  if (!first) return 'no peers are known'
  if (total > MAX_NAMED) for (const [, { names }] of sorted) names.splice(MAX_EXAMPLES)
  const [what, { names }] = first
  const note = WITHOUT_TCP.some(kind => kinds.has(kind)) ? ' (over TCP: tsdl has no uTP)' : ''
  if (total === 1) return `the only peer, ${names[0]}, ${what}${note}`
  if (sorted.length === 1)
    return `all ${total} peers ${pluralOf(what, total)} (${listOf(names, total)})${note}`
  const parts = sorted.slice(0, MAX_KINDS).map(([what, { count, names }]) => {
    return `${count} ${pluralOf(what, count)} (${listOf(names, count)})`
  })
  if (sorted.length > MAX_KINDS) parts.push('others failed in other ways')
  return `none of ${total} peers ${nothing}: ${parts.join(', ')}${note}`
}

function pluralOf(what: string, count: number): string {
  return count === 1
    ? what
    : (PLURAL_FORMS.get(what) ?? what.replace(/^\w+/, verb => PLURAL_FORMS.get(verb) ?? verb))
}

function listOf(names: readonly string[], count: number): string {
  return `${names.join(', ')}${count > names.length ? ', ...' : ''}`
}
