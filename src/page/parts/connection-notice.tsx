import { useConnectionState } from '../live/use-live.ts'
import { Icon } from './icon.tsx'

/** Says that the connection is lost, until it is back. */
export function ConnectionNotice() {
  const isLost = useConnectionState() === 'lost'
  return (
    <div role="status">
      {isLost && (
        <p class="connection-notice">
          <Icon name="warning" />
          Connection lost. These numbers are old; trying again…
        </p>
      )}
    </div>
  )
}
