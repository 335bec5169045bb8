import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { scratch, startProgram, without } from './process.ts'
import { freePort, listens } from './ready.ts'

// Debian installs it in a directory that only root has in its PATH.
const NGINX_PATH = '/usr/sbin/nginx'
export const noNginx = without(NGINX_PATH, '-v')

/** Starts nginx for a directory. Returns its URL. @param ranges true if it supports ranges */
export async function startNginx(t: Test, root: string, { ranges = true } = {}) {
  const dir = scratch(t)
  mkdirSync(join(dir, 'logs'))
  const port = await freePort()
  const temp = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    name => `${name}_temp_path ${dir}/${name};`,
  )
  writeFileSync(
    join(dir, 'nginx.conf'),
    `daemon off; master_process off; pid ${dir}/pid; error_log stderr;
    events {}
    http {
      access_log ${dir}/logs/access; ${temp.join(' ')}
      server { listen 127.0.0.1:${port}; root ${root}; ${ranges ? '' : 'max_ranges 0;'} }
    }`,
  )
  const nginx = startProgram(t, [NGINX_PATH, '-p', dir, '-c', join(dir, 'nginx.conf')])
  return `http://${await listens(nginx, port)}`
}
