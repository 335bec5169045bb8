import { setTimeout as delay } from 'node:timers/promises'

/** Waits for a condition that another process changes, by checking it every 20 ms. */
export async function pollUntil(isMet: () => boolean): Promise<void> {
  while (!isMet()) await delay(20)
}
