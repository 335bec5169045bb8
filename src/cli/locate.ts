import { stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { InputError } from '../errors.ts'
import type { Metainfo } from '../metainfo/metainfo.ts'
import { reasonOf } from './exit.ts'

/** A torrent, its one file named as it is there, and the directory that its paths begin in. */
export interface Located {
  readonly metainfo: Metainfo
  readonly directory: string
}

/** PATH is the directory that was given to `-o`, the torrent's own directory in it, or its one file. */
export async function locate(metainfo: Metainfo, path: string): Promise<Located> {
  const whole = resolve(path)
  const stats = await stat(whole).catch(error => {
    throw new InputError('ERR_USAGE', `cannot read ${path}: ${reasonOf(error)}`, error)
  })
  if (stats.isDirectory()) {
    const own = metainfo.multiFile && basename(whole) === metainfo.name
    const nested = own && (await stat(join(whole, metainfo.name)).catch(() => undefined))
    return { metainfo, directory: own && !nested ? dirname(whole) : whole }
  }
  const [file, ...more] = metainfo.files
  if (!file || more.length > 0)
    throw new InputError('ERR_USAGE', `${path} is a file, but the torrent has ${metainfo.files.length}`)
  return { metainfo: { ...metainfo, files: [{ ...file, path: basename(whole) }] }, directory: dirname(whole) }
}
