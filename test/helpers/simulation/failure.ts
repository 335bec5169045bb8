export interface Address {
  readonly address: string
  readonly port: number
}

/** Creates a system error. */
export function failure(syscall: string, code: string, to?: Address): NodeJS.ErrnoException {
  const where = to ? ` ${to.address}:${to.port}` : ''
  return Object.assign(new Error(`${syscall} ${code}${where}`), { syscall, code, ...to })
}
