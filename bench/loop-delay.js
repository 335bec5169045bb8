// @ts-check
/**
 * Measures the delay of the event loop of the process that it is loaded into (`--import`), from its first connection
 * on. At the end it writes the 99th percentile in milliseconds to the file LOOP_DELAY_FILE. Before the first connection
 * the process loads its modules, which does not concern a download.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { writeFileSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { isMainThread } from 'node:worker_threads'

/** Milliseconds between two samples. The histogram counts them as part of each delay. */
const RESOLUTION_MS = 1

const file = process.env.LOOP_DELAY_FILE
if (isMainThread && file) {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  const begin = () => {
    unsubscribe('net.client.socket', begin)
    histogram.enable()
  }
  subscribe('net.client.socket', begin)
  process.on('exit', () => writeFileSync(file, String(histogram.percentile(99) / 1e6 - RESOLUTION_MS)))
}
