import { messageOf } from '../../errors.ts'
import { list, oneOf, text } from '../../session/records/fields.ts'
import { isReachable } from '../api/is-reachable.ts'
import { toSnakeCase } from './key-names.ts'
import { read } from './parameters.ts'
import type { Method } from './rpc-context.ts'
import { RPC_CODES, RpcError } from './rpc-error.ts'
import { changeableFields, fixedFields } from './session-fields.ts'
import { sessionSet } from './session-set.ts'

/** The methods that are about the session. */
export const SESSION_METHODS: Readonly<Record<string, Method>> = {
  session_set: sessionSet,

  async session_get(parameters, context) {
    const all = { ...changeableFields(context.session.settings), ...(await fixedFields(context)) }
    const wanted = read(parameters, 'fields', list(text(), 1000))?.map(toSnakeCase)
    const value = wanted
      ? Object.fromEntries(Object.entries(all).filter(([name]) => wanted.includes(name)))
      : all
    return { value, style: 'kebab' }
  },

  async session_stats(_, { session, totalsBefore }) {
    const { torrents, totals, runningTime } = session
    const speeds = torrents.map(torrent => (torrent.isRunning ? torrent.progress : undefined))
    const sum = (name: 'downSpeed' | 'upSpeed') =>
      Math.round(speeds.reduce((all, progress) => all + (progress?.[name] ?? 0), 0))
    const paused = torrents.filter(({ intent }) => intent === 'stopped').length
    const counts = { files_added: totals.added, session_count: totals.runs }
    return {
      value: {
        active_torrent_count: torrents.length - paused,
        download_speed: sum('downSpeed'),
        paused_torrent_count: paused,
        torrent_count: torrents.length,
        upload_speed: sum('upSpeed'),
        cumulative_stats: {
          ...{ ...counts, downloaded_bytes: totals.downloaded, uploaded_bytes: totals.uploaded },
          seconds_active: Math.round(totals.runningTime / 1000),
        },
        current_stats: {
          downloaded_bytes: totals.downloaded - totalsBefore.downloaded,
          uploaded_bytes: totals.uploaded - totalsBefore.uploaded,
          files_added: totals.added - totalsBefore.added,
          session_count: 1,
          seconds_active: Math.round(runningTime / 1000),
        },
      },
    }
  },

  async session_close(_, { program }) {
    const { shutDown } = program
    if (!shutDown)
      throw new RpcError(RPC_CODES.failed, 'the program that runs the session does not end on request')
    shutDown()
    return undefined
  },

  async free_space(parameters, { program }) {
    const path = read(parameters, 'path', text())
    if (!path?.startsWith('/')) throw new RpcError(RPC_CODES.arguments, 'directory path is not absolute')
    const { free, total } = await program.freeSpaceAt(path).catch(error => {
      throw new RpcError(RPC_CODES.failed, messageOf(error))
    })
    return { value: { path, size_bytes: free, total_size: total } }
  },

  async port_test(parameters, { session }) {
    const protocol = read(parameters, 'ip_protocol', oneOf('ipv4', 'ipv6'))
    const isOpen = isReachable(session, protocol)
    return { value: { port_is_open: isOpen, ...(protocol ? { ip_protocol: protocol } : {}) } }
  },

  async blocklist_update(_, { session }) {
    return { value: { blocklist_size: await session.blocklist.update() } }
  },
}
