import { render } from 'preact'
import { App } from './app.tsx'
import './base.css'
import './add/add.css'
import './frame/frame.css'
import './list/list.css'
import './parts/parts.css'
import './player/player.css'
import './torrent/torrent.css'
import { LiveConnection } from './live/live-connection.ts'
import { Live } from './live/use-live.ts'

const place = document.getElementById('page')!

render(
  <Live.Provider value={new LiveConnection()}>
    <App />
  </Live.Provider>,
  place,
)
