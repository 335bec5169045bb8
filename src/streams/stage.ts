/**
 * The base classes of all stages: streamx with types and with our errors. The casts are in this file only.
 *
 * Each stage of objects sets `byteLength`. The default of streamx is 1,024 bytes for an object, and streamx loses items of
 * weight 0 after the last item with a weight.
 */

import type { EventEmitter } from 'node:events'
import streamx from 'streamx'
import { checkArgument } from '../codec/check-arguments.ts'
import { withAbortErrors, withReadErrors } from './abort-errors.ts'

/** The callback of a stage: the item is handled, with the output, or with an error. */
export type Done<Out = never> = (error?: Error | null, data?: Out) => void

export interface StageOptions<In, Out> {
  /** Bytes that may wait on either side. @default 16384 */
  readonly highWaterMark?: number
  /** Returns the weight of an item in bytes; never 0. */
  readonly byteLength?: (item: In | Out) => number
  readonly byteLengthWritable?: (item: In) => number
  readonly byteLengthReadable?: (item: Out) => number
  /** True to call `_open` at once, not at the first read or write. @default false */
  readonly eagerOpen?: boolean
}

/** The members of every stage. */
export interface Stage extends EventEmitter {
  readonly destroyed: boolean
  readonly destroying: boolean
  /** Closes the stage now. Idempotent. With an error, emits `error` before `close`. */
  destroy(error?: Error | null): void
  _open(done: Done): void
  _predestroy(): void
  _destroy(done: Done): void
}

/** A stage that is read from. */
export interface Source<Out> extends Stage, AsyncIterable<Out> {
  push(item: Out | null): boolean
  read(): Out | null
  pause(): this
  resume(): this
  /**
   * Writes all items to `target`, which ends when this ends. Each is destroyed when the other fails.
   * @param done called once, with the first error of either
   */
  pipe<T extends Sink<Out> | NodeJS.WritableStream>(target: T, done?: (error?: Error | null) => void): T
  _read(done: Done): void
}

/** A stage that is written to. */
export interface Sink<In> extends Stage {
  write(item: In): boolean
  end(item?: In): this
  _write(item: In, done: Done): void
  _writev(items: In[], done: Done): void
  _final(done: Done): void
}

/** A stage that is written to and read from. */
export interface Through<In, Out> extends Source<Out>, Sink<In> {}

export interface Transforming<In, Out> extends Through<In, Out> {
  _transform(item: In, done: Done<Out>): void
  _flush(done: Done<Out>): void
}

/** The base class of a stage that is read from. */
export const Readable = withReadErrors(streamx.Readable) as new <Out>(
  options?: StageOptions<never, Out>,
) => Source<Out>
/** The base class of a stage that is written to. */
export const Writable = withAbortErrors(streamx.Writable) as new <In>(
  options?: StageOptions<In, never>,
) => Sink<In>
/** The base class of a stage with two independent sides. */
export const Duplex = withReadErrors(streamx.Duplex) as new <In, Out>(
  options?: StageOptions<In, Out>,
) => Through<In, Out>
/** The base class of a stage that turns what is written into what is read. */
export const Transform = withReadErrors(streamx.Transform) as new <In, Out>(
  options?: StageOptions<In, Out>,
) => Transforming<In, Out>

/** The parts of streamx that `waitForDrain` and `isStage` use. */
const { isStreamx } = streamx as unknown as { isStreamx(stream: unknown): boolean }
const drains = streamx.Writable as unknown as { drained(stage: unknown): Promise<boolean> }

/** Returns true for a stream of streamx, as every stage is, and false for one of Node. */
export function isStage(stream: object): stream is Stage {
  return isStreamx(stream)
}

/** Resolves when a stage has handled everything that was written to it so far, or is destroyed. */
export async function waitForDrain(stage: Stage): Promise<void> {
  await drains.drained(stage)
}

/** Resolves once a stream has closed; rejects with its error. */
export function closed(stage: Stage): Promise<void> {
  checkArgument('stage', stage, 'object')
  return new Promise((resolve, reject) => {
    let failure: Error | undefined
    stage.on('error', error => {
      failure = error
    })
    stage.on('close', () => (failure ? reject(failure) : resolve()))
  })
}
