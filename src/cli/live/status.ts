/** A field of a live line. */
export interface StatusField {
  readonly text: string
  /** A shorter form for a narrow terminal. */
  readonly short?: string
  /** Columns that are reserved, so that the line keeps its layout while numbers change. @default those of the text */
  readonly width?: number
  /** The rank when columns are scarce: 1 is shown first. */
  readonly rank: number
}

/** The state of one torrent, or of a run, as a reporter shows it. */
export interface Status {
  /** The name of the torrent. It is untrusted. */
  readonly name?: string | undefined
  /** The state as one line, for outputs without a live line. */
  readonly text: string
  /** The verified share of the bytes, from 0 to 1, for the bar. */
  readonly share?: number
  /** The parts of the live line, in the order in which they are shown. @default the text */
  readonly fields?: readonly StatusField[]
  /** A sentence for a second line, such as what limits the rate now. */
  readonly detail?: string | undefined
  /** The same in a few words, for the end of a line that has no second one. */
  readonly brief?: string | undefined
}
