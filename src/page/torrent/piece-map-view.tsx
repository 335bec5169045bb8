import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { decodePieceCells, type PieceCell } from '../../codec/piece-cells.ts'
import type { ListedPieces } from '../../server/page/torrent-documents.ts'
import { describeCell, describePieces } from './describe-pieces.ts'
import { cellRectangle, findCell, layOutCells, type PieceGrid } from './piece-grid.ts'
import { useWidth } from './use-width.ts'

const LEGEND_ITEMS = [
  ['have', 'here'],
  ['active', 'in flight'],
  ['next', 'needed next'],
  ['missing', 'missing'],
  ['alone', 'missing, and no connected peer has it'],
  ['skipped', 'not wanted'],
] as const

/** The pieces as a map. Keys move over it, and the text below says what a cell means. */
export function PieceMapView({ pieces }: { pieces: ListedPieces }) {
  const [place, width] = useWidth<HTMLDivElement>()
  const canvas = useRef<HTMLCanvasElement>(null)
  const [chosen, setChosen] = useState(-1)
  const cells = useMemo(() => Object.values(pieces.rows).flatMap(decodePieceCells), [pieces.rows])
  const grid = layOutCells(cells.length, Math.max(1, width))
  useEffect(() => {
    const draw = () => {
      if (canvas.current && width > 0)
        drawCells(canvas.current, grid, cells, { chosen, seeds: pieces.seeds, width })
    }
    draw()
    const dark = matchMedia('(prefers-color-scheme: dark)')
    dark.addEventListener('change', draw)
    return () => dark.removeEventListener('change', draw)
  }, [cells, chosen, width, pieces.seeds])
  const summary = describePieces(pieces)
  const cell = cells[chosen]
  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -grid.columns, ArrowDown: grid.columns }[event.key]
    if (step === undefined) return
    event.preventDefault()
    setChosen(Math.max(0, Math.min(cells.length - 1, chosen < 0 ? 0 : chosen + step)))
  }
  return (
    <section class="panel">
      <h2>
        Pieces <span class="muted">{availabilityOf(pieces)}</span>
      </h2>
      <div ref={place} class="piece-map">
        <canvas
          ref={canvas}
          style={{ height: `${grid.height}px`, width: `${width}px` }}
          role="img"
          tabIndex={0}
          aria-label={`Map of pieces: ${summary}`}
          aria-describedby="piece-text"
          onKeyDown={onKeyDown}
          onBlur={() => setChosen(-1)}
          onPointerMove={({ offsetX, offsetY }) => setChosen(findCell(grid, cells.length, offsetX, offsetY))}
          onPointerDown={({ offsetX, offsetY }) => setChosen(findCell(grid, cells.length, offsetX, offsetY))}
          onPointerLeave={() => setChosen(-1)}
        />
      </div>
      <p id="piece-text" class="piece-text" aria-live="polite">
        {cell ? describeCell(pieces, cell, chosen) : summary}
      </p>
      <ul class="legend" aria-hidden="true">
        {LEGEND_ITEMS.map(([name, words]) => (
          <li key={name}>
            <span class={`swatch is-${name}`} />
            {words}
          </li>
        ))}
      </ul>
    </section>
  )
}

function availabilityOf({ active, availability, missing, next }: ListedPieces): string {
  if (active + missing + next === 0 && availability === 0) return ''
  return `availability ${availability.toFixed(2)}`
}

function drawCells(
  canvas: HTMLCanvasElement,
  grid: PieceGrid,
  cells: readonly PieceCell[],
  { chosen, seeds, width }: { chosen: number; seeds: number; width: number },
): void {
  const scale = devicePixelRatio
  canvas.width = Math.round(width * scale)
  canvas.height = Math.round(grid.height * scale)
  const context = canvas.getContext('2d')!
  context.scale(scale, scale)
  const style = getComputedStyle(canvas)
  const colour = (name: string) => style.getPropertyValue(`--piece-${name}`)
  const colours = {
    have: colour('have'),
    active: colour('active'),
    next: colour('next'),
    missing: colour('missing'),
    alone: colour('alone'),
    skipped: colour('skipped'),
    mark: style.getPropertyValue('--text'),
  }
  for (const [index, cell] of cells.entries()) {
    const [x, y, w, h] = cellRectangle(grid, index)
    const lacks = cell.state === 'missing' && cell.copies + seeds === 0
    context.fillStyle = cell.part >= 1 ? colours.have : colours[lacks ? 'alone' : cell.state]
    context.fillRect(x, y, w, h)
    if (cell.part > 0 && cell.part < 1) {
      const filled = Math.max(2, Math.round(h * cell.part))
      context.fillStyle = colours.have
      context.fillRect(x, y + h - filled, w, filled)
    }
    if (index !== chosen) continue
    context.strokeStyle = colours.mark
    context.lineWidth = 2
    context.strokeRect(x, y, w, h)
  }
}
