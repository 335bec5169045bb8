// @ts-check
/**
 * A module that is loaded before a measured program: `node --expose-gc --import bench/probe.js PROGRAM`. At each
 * SIGUSR2 it collects garbage and prints the resources of the process as one line of JSON to standard error.
 */
import { readdirSync } from 'node:fs'

/**
 * @typedef {object} Holdings
 * @property {number} rss bytes
 * @property {number} heap bytes, with those outside of V8's heap
 * @property {number} descriptors
 * @property {number} timers
 * @property {number} resources everything that keeps an event loop going, timers included
 */

/** @returns {Holdings} */
function measure() {
  for (let times = 0; times < 3; times++) globalThis.gc?.()
  const { external, heapUsed, rss } = process.memoryUsage()
  const resources = process.getActiveResourcesInfo()
  return {
    ...{ rss, heap: heapUsed + external, descriptors: readdirSync('/proc/self/fd').length },
    timers: resources.filter(type => type === 'Timeout').length,
    resources: resources.length,
  }
}

let count = 0
process.on('SIGUSR2', () =>
  process.stderr.write(`{"measurement":${++count},"holdings":${JSON.stringify(measure())}}\n`),
)
