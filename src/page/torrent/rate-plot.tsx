import { useEffect, useMemo, useRef } from 'preact/hooks'
import uPlot from 'uplot'
import type { ListedRates } from '../../server/page/torrent-documents.ts'
import { formatRate } from '../format.ts'
import { rateSeriesOf } from './rate-series.ts'
import { useWidth } from './use-width.ts'

const PLOT_HEIGHT_PX = 168
/** Powers of two from 256 B/s, so that the marks of the axis are whole numbers of a binary unit. */
const RATE_STEPS = Array.from({ length: 32 }, (_, power) => 2 ** (power + 8))
/** The rate at the top of a plot of nothing. */
const MIN_TOP_RATE = 10 * 1024

/** The rates of the last ten minutes as a plot. */
export function RatePlot({ rates }: { rates: ListedRates }) {
  const [place, width] = useWidth<HTMLDivElement>()
  const plot = useRef<uPlot | undefined>(undefined)
  const series = useMemo(() => rateSeriesOf(rates), [rates])
  const data = [series.times, series.down, series.up] as unknown as uPlot.AlignedData
  useEffect(() => {
    if (width === 0) return
    const draw = () => {
      plot.current?.destroy()
      plot.current = new uPlot(optionsOf(place.current!, width), data, place.current!)
    }
    draw()
    const dark = matchMedia('(prefers-color-scheme: dark)')
    dark.addEventListener('change', draw)
    return () => {
      dark.removeEventListener('change', draw)
      plot.current?.destroy()
      plot.current = undefined
    }
  }, [width])
  useEffect(() => plot.current?.setData(data), [series])
  const maxRate = Math.max(...series.down, ...series.up)
  return (
    <section class="panel">
      <h2>
        Last ten minutes{' '}
        <span class="plot-key">
          <span class="swatch is-down" /> download <span class="swatch is-up" /> upload
        </span>
      </h2>
      <div
        ref={place}
        class="rate-plot"
        role="img"
        aria-label={
          maxRate < 1
            ? 'Nothing was transferred in the last ten minutes'
            : `Download and upload rates of the last ten minutes, at most ${formatRate(maxRate)}`
        }
      />
      {maxRate < 1 && <p class="plot-empty muted">Nothing was transferred.</p>}
    </section>
  )
}

function optionsOf(place: HTMLElement, width: number): uPlot.Options {
  const style = getComputedStyle(place)
  const colour = (name: string) => style.getPropertyValue(`--${name}`)
  const axis = {
    stroke: colour('muted'),
    font: '12px system-ui, sans-serif',
    grid: { stroke: colour('line'), width: 1 },
    ticks: { show: false },
  }
  return {
    ...{ width, height: PLOT_HEIGHT_PX },
    legend: { show: false },
    cursor: { show: false },
    padding: [8, 16, 0, 0],
    scales: {
      x: { time: false, range: [-600, 0] },
      y: { range: (_, __, maxRate) => [0, Math.max(MIN_TOP_RATE, maxRate * 1.1)] },
    },
    axes: [
      {
        ...axis,
        size: 28,
        space: 70,
        incrs: [60, 120, 300],
        values: (_, values) => values.map(value => (value === 0 ? 'now' : `${-value / 60} min`)),
      },
      {
        ...{ ...axis, size: 74, space: 36, incrs: RATE_STEPS },
        values: (_, values) => values.map(value => formatRate(value) || '0'),
      },
    ],
    series: [
      {},
      {
        label: 'download',
        stroke: colour('accent'),
        fill: `color-mix(in srgb, ${colour('accent')} 14%, transparent)`,
        width: 1.5,
        points: { show: false },
      },
      { label: 'upload', stroke: colour('good'), width: 1.5, points: { show: false } },
    ],
  }
}
