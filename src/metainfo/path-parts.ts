/** The last name of a path of a torrent. */
export function lastNameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

/** A path of a torrent without its last name; '' at the top. */
export function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')))
}
