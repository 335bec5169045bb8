import type { JsonObject } from '../../codec/merge-patch.ts'

/** A document that a page can show and keep up to date. */
export interface Topic {
  /** Describes it as it is now; undefined if it does not exist. Unchanged parts may be the same objects. */
  describe(): JsonObject | undefined
  /** Called when no page shows it any more. */
  close(): void
}
