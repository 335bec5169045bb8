/** Shapes on a grid of 16, drawn with lines. */
const ICON_SHAPES = {
  add: 'M8 3v10M3 8h10',
  back: 'M10 3 5 8l5 5',
  check: 'm3 8.5 3.2 3.2L13 5',
  chevron: 'm4 6 4 4 4-4',
  close: 'm4 4 8 8m0-8-8 8',
  copy: 'M6 6h7v7H6zM3 10V3h7',
  down: 'M8 2.5v10m-4-4 4 4 4-4',
  file: 'M4 2h5l3 3v9H4zM9 2v3h3',
  folder: 'M2 4h4l1.5 2H14v7H2z',
  gauge: 'M2.5 12a6 6 0 1 1 11 0M8 11l3-4',
  label: 'M2.5 2.5H8l5.5 5.5L8 13.5 2.5 8zM5.3 5.3h.01',
  more: 'M3.5 8h.01M8 8h.01M12.5 8h.01',
  open: 'M6 3H3v10h10v-3M9 3h4v4m0-4L7 9',
  pause: 'M5.5 3.5v9m5-9v9',
  peers:
    'M6 7.5a2.2 2.2 0 1 0 0-4.4 2.2 2.2 0 0 0 0 4.4M2 13c0-2.200 1.700-3.500 4-3.500s4 1.300 4 3.500m.5-9.700a2 2 0 0 1 0 3.900M14 13c0-1.800-.8-2.900-2-3.400',
  play: 'M5 3.500v9l7.500-4.500z',
  recheck: 'M13 8a5 5 0 1 1-1.500-3.500M13 2.500v2.500h-2.500',
  remove: 'M3 4.500h10M6.500 4V2.500h3V4M4.500 4.500l.5 9h6l.5-9M6.500 7v4m3-4v4',
  search: 'M7 11.500a4.500 4.500 0 1 0 0-9 4.500 4.500 0 0 0 0 9m3.300-1.200L14 14',
  sort: 'M5 3v10m-2.500-2.500L5 13l2.500-2.500M11 13V3M8.500 5.500 11 3l2.500 2.500',
  up: 'M8 13V3M4 7l4-4 4 4',
  warning: 'M8 2.500 14.500 13.500h-13zM8 6.500v3.500m0 1.800h.01',
} as const

export type IconName = keyof typeof ICON_SHAPES

/** A drawing beside words. It is hidden from screen readers, which have the words. */
export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
      <path d={ICON_SHAPES[name]} />
    </svg>
  )
}
