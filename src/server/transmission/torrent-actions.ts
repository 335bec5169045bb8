import { messageOf } from '../../errors.ts'
import { text } from '../../session/records/fields.ts'
import type { SessionTorrent } from '../../session/session-torrent.ts'
import type { QueueMove } from '../../session/torrent-queue.ts'
import { loose, read } from './parameters.ts'
import type { Method, RpcContext } from './rpc-context.ts'
import { RPC_CODES, RpcError } from './rpc-error.ts'
import { selectTorrents } from './select-torrents.ts'

/** Does something with each torrent that the request names. */
const forEach =
  (act: (torrent: SessionTorrent, context: RpcContext) => unknown): Method =>
  async (parameters, context) => {
    for (const torrent of selectTorrents(context.session, parameters.ids, context.changes))
      await act(torrent, context)
    return undefined
  }

/** Begins work that may take long. Its failure is a warning, unless it fails at once. */
async function awaitBeginning(work: Promise<void>, { warn }: RpcContext): Promise<void> {
  let failure: unknown
  let isAnswered = false
  work.catch(error => {
    failure = error
    if (isAnswered) warn(error)
  })
  await new Promise(resolve => setImmediate(resolve))
  isAnswered = true
  if (failure !== undefined) throw failure
}

const move =
  (to: QueueMove): Method =>
  async ({ ids }, { changes, session }) => {
    await session.queue.move(selectTorrents(session, ids, changes), to)
    return undefined
  }

/** The methods that act on torrents and return nothing. */
export const TORRENT_ACTIONS: Readonly<Record<string, Method>> = {
  torrent_start: forEach(torrent => torrent.start()),
  torrent_start_now: forEach(torrent => torrent.start({ force: true })),
  torrent_stop: forEach(torrent => torrent.stop()),
  torrent_verify: forEach((torrent, context) => awaitBeginning(torrent.recheck(), context)),
  torrent_reannounce: forEach(torrent => torrent.torrent?.discovery.announce()),
  queue_move_top: move('top'),
  queue_move_up: move('up'),
  queue_move_down: move('down'),
  queue_move_bottom: move('bottom'),

  async torrent_remove(parameters, { changes, session }) {
    const withData = read(parameters, 'delete_local_data', loose) ?? false
    for (const torrent of selectTorrents(session, parameters.ids, changes))
      await session.remove(torrent, { withData })
    return undefined
  },

  async torrent_set_location(parameters, context) {
    const location = read(parameters, 'location', text())
    if (!location) throw new RpcError(RPC_CODES.arguments, 'no location')
    const keepFiles = !(read(parameters, 'move', loose) ?? false)
    const { changes, session } = context
    for (const torrent of selectTorrents(session, parameters.ids, changes))
      await awaitBeginning(session.move(torrent, location, { keepFiles }), context)
    return undefined
  },

  async torrent_rename_path(parameters, { changes, session }) {
    const path = read(parameters, 'path', text())
    const name = read(parameters, 'name', text())
    const [torrent, ...more] = selectTorrents(session, parameters.ids, changes)
    if (!path || !name) throw new RpcError(RPC_CODES.arguments, 'expected a path and a name')
    if (!torrent || more.length > 0)
      throw new RpcError(RPC_CODES.arguments, 'torrent-rename-path requires 1 torrent')
    await torrent.rename(path, name).catch(error => {
      throw new RpcError(RPC_CODES.failed, messageOf(error))
    })
    return { value: { id: torrent.id, name, path } }
  },
}
