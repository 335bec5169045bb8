import { list, text } from '../../session/records/fields.ts'
import type { BandwidthGroup } from '../../session/records/session-record.ts'
import type { Session } from '../../session/session.ts'
import { amount, loose, read } from './parameters.ts'
import type { Method } from './rpc-context.ts'
import { RPC_CODES, RpcError } from './rpc-error.ts'
import { KILOBYTE_BYTES } from './session-fields.ts'

/** Maximum characters of the name of a group. */
const MAX_NAME_LENGTH = 255

const name = text(MAX_NAME_LENGTH)
const DISABLED_LIMIT = { enabled: false, value: 0 }
/** A new group with the default limits. */
const NEW_GROUP: BandwidthGroup = { up: DISABLED_LIMIT, down: DISABLED_LIMIT, honorsSessionLimits: true }

/** The methods that are about bandwidth groups. */
export const GROUP_METHODS: Readonly<Record<string, Method>> = {
  async group_get(parameters, { session }) {
    // documented as `group`, and read as `name` by Transmission 4.1
    const wanted = read(parameters, parameters.group === undefined ? 'name' : 'group', (value, at) =>
      typeof value === 'string' ? [name(value, at)] : list(name)(value, at),
    )
    const groups = Object.entries(session.settings.groups)
    const chosen = wanted ? groups.filter(([own]) => wanted.includes(own)) : groups
    return { value: { group: chosen.map(([own, group]) => describeGroup(own, group)) } }
  },

  async group_set(parameters, { session }) {
    const own = read(parameters, 'name', name)
    if (!own) throw new RpcError(RPC_CODES.arguments, 'no group name given')
    const limit = (direction: 'down' | 'up', { enabled, value }: BandwidthGroup['up']) => {
      const kilobytes = read(parameters, `speed_limit_${direction}`, amount)
      return {
        enabled: read(parameters, `speed_limit_${direction}_enabled`, loose) ?? enabled,
        value: kilobytes === undefined ? value : kilobytes * KILOBYTE_BYTES,
      }
    }
    await setGroup(session, own, ({ down, honorsSessionLimits, up }) => ({
      up: limit('up', up),
      down: limit('down', down),
      honorsSessionLimits: read(parameters, 'honors_session_limits', loose) ?? honorsSessionLimits,
    }))
    return undefined
  },
}

/** Changes a group, which is created if there is none of this name. */
export async function setGroup(
  session: Session,
  own: string,
  change: (before: BandwidthGroup) => BandwidthGroup = before => before,
): Promise<void> {
  const { groups } = session.settings
  const before = Object.hasOwn(groups, own) ? groups[own]! : undefined
  const after = change(before ?? NEW_GROUP)
  if (after !== before) await session.set({ groups: { ...groups, [own]: after } })
}

function describeGroup(own: string, { down, honorsSessionLimits, up }: BandwidthGroup): object {
  return {
    honors_session_limits: honorsSessionLimits,
    name: own,
    speed_limit_down: Math.round(down.value / KILOBYTE_BYTES),
    speed_limit_down_enabled: down.enabled,
    speed_limit_up: Math.round(up.value / KILOBYTE_BYTES),
    speed_limit_up_enabled: up.enabled,
  }
}
