/** Charts, drawn by hand, each with a table that says the same. */

import { h, s } from './dom'
import { count, month, percent, real } from './words'

/** Counts by month with the centre and the control limits of their chart. */
export interface Series { months: string[]; counts: (number | null)[]; expected: (number | null)[]; lower: (number | null)[]; upper: (number | null)[] }

/** Reads a series from the columns of a feature. */
export function seriesOf(properties: Record<string, unknown>): Series | null {
  const list = (name: string): string[] => String(properties[name] ?? '').split('; ').filter((t) => t !== '')
  const numbers = (name: string): (number | null)[] => list(name).map((t) => (Number.isFinite(Number(t)) ? Number(t) : null))
  const months = list('chart_months')
  const counts = numbers('monthly_counts')
  if (counts.length !== months.length) return null
  // Months before the first that the data has are left out.
  const from = counts.findIndex((v) => v !== null)
  if (from < 0 || months.length - from < 2) return null
  const known = <T>(all: T[]): T[] => all.slice(from)
  return { months: known(months), counts: known(counts), expected: known(numbers('monthly_expected')), lower: known(numbers('monthly_lower')), upper: known(numbers('monthly_upper')) }
}

/** The trend: counts as a line, the centre, the limits as a band, months beyond them with a ring. */
export function trend(series: Series): HTMLElement {
  const { months, counts, expected, lower, upper } = series
  const [width, height, left, right, top, bottom] = [360, 150, 30, 8, 10, 24]
  const most = Math.max(4, ...counts.map((v) => v ?? 0), ...upper.map((v) => v ?? 0))
  const step = most <= 8 ? 2 : most <= 20 ? 5 : most <= 50 ? 10 : 10 ** Math.floor(Math.log10(most)) / (most / 10 ** Math.floor(Math.log10(most)) < 4 ? 2 : 1)
  const ceiling = Math.ceil(most / step) * step
  const x = (n: number): number => left + (n * (width - left - right)) / (months.length - 1)
  const y = (v: number): number => top + (height - top - bottom) * (1 - v / ceiling)
  const line = (values: (number | null)[]): string => {
    let pen = 'M'
    return values.map((v, n) => {
      if (v === null || v === undefined) { pen = 'M'; return '' }
      const part = `${pen}${x(n).toFixed(1)} ${y(v).toFixed(1)}`
      pen = 'L'
      return part
    }).join('')
  }
  // The band has a gap where a month has no limits.
  const runs: number[][] = []
  for (const n of months.keys()) {
    if (typeof upper[n] !== 'number' || typeof lower[n] !== 'number') continue
    if (runs.at(-1)?.at(-1) === n - 1) runs.at(-1)!.push(n)
    else runs.push([n])
  }
  const band = runs.map((run) => `M${[...run.map((n) => [n, upper[n]!] as const), ...run.toReversed().map((n) => [n, lower[n]!] as const)].map(([n, v]) => `${x(n).toFixed(1)} ${y(v).toFixed(1)}`).join('L')}Z`).join('')
  const beyond = (n: number): boolean => (counts[n] ?? 0) > (upper[n] ?? Infinity) || (counts[n] ?? 0) < (lower[n] ?? -Infinity)
  const ticks = Array.from({ length: Math.round(ceiling / step) + 1 }, (_, n) => n * step)
  const years = months.map((m, n) => (n === 0 || m.endsWith('-01') ? n : -1)).filter((n) => n >= 0)
  const outside = months.filter((_, n) => beyond(n))
  const label = `Incidents a month from ${month(months[0]!)} to ${month(months.at(-1)!)}. ${outside.length ? `Beyond the control limits: ${outside.map(month).join(', ')}.` : 'No month lies beyond the control limits.'}`
  const picture = s('svg', { viewBox: `0 0 ${width} ${height}`, class: 'chart', role: 'img', 'aria-label': label },
    ticks.map((v) => [
      s('line', { class: 'grid', x1: left, x2: width - right, y1: y(v), y2: y(v) }),
      s('text', { x: left - 5, y: y(v) + 3.5, 'text-anchor': 'end' }, count(v)),
    ]),
    years.map((n) => [
      s('line', { class: 'grid', x1: x(n), x2: x(n), y1: y(0), y2: y(0) + 4 }),
      s('text', { x: x(n), y: height - 7, 'text-anchor': n > months.length - 3 ? 'end' : 'start' }, months[n]!.slice(0, 4)),
    ]),
    band && s('path', { class: 'band', d: band }),
    s('path', { class: 'centre', d: line(expected) }),
    s('path', { class: 'line', d: line(counts) }),
    counts.map((v, n) => v === null ? null : s('circle', { class: beyond(n) ? 'beyond' : 'dot', cx: x(n), cy: y(v), r: beyond(n) ? 4.5 : 2 }, s('title', null, `${month(months[n]!)}: ${count(v)}`))),
  )
  const shown = (v: number | null | undefined): string => (v === null || v === undefined ? 'not known' : real(v))
  return h('figure', { class: 'figure' }, picture,
    h('figcaption', null,
      h('span', { class: 'key key-line' }), 'incidents a month ',
      h('span', { class: 'key key-centre' }), 'expected ',
      h('span', { class: 'key key-band' }), 'control limits ',
      outside.length ? [h('span', { class: 'key key-beyond' }), 'beyond them'] : null),
    h('details', null, h('summary', null, 'The same as a table'),
      h('div', { class: 'scroll' }, h('table', null,
        h('thead', null, h('tr', null, ['Month', 'Incidents', 'Expected', 'Limits'].map((t) => h('th', { scope: 'col' }, t)))),
        h('tbody', null, months.map((m, n) => h('tr', null,
          h('th', { scope: 'row' }, month(m)), h('td', null, shown(counts[n]), beyond(n) ? ' (beyond)' : ''), h('td', null, shown(expected[n])),
          h('td', null, `${shown(lower[n])} to ${shown(upper[n])}`))))))))
}

export interface Part { label: string; n: number; share: number | null }

/** A mix: bars with their numbers beside them. */
export function mix(parts: Part[], total: number, caption: string): HTMLElement {
  const most = Math.max(1, ...parts.map((p) => p.n))
  return h('table', { class: 'mix' },
    h('caption', null, caption),
    h('thead', { class: 'spoken' }, h('tr', null, h('th', null, 'Offence group'), h('th', null, 'Share'), h('th', null, 'Incidents'))),
    h('tbody', null, parts.map((p) => h('tr', null,
      h('th', { scope: 'row' }, p.label),
      h('td', null, s('svg', { viewBox: '0 0 100 8', preserveAspectRatio: 'none', 'aria-hidden': 'true', class: 'bar' }, s('rect', { width: (100 * p.n) / most, height: 8 }))),
      h('td', { class: 'number' }, count(p.n), p.share === null ? '' : ` · ${percent(p.share)}`)))),
    h('tfoot', null, h('tr', null, h('th', { scope: 'row' }, 'All'), h('td'), h('td', { class: 'number' }, count(total)))))
}
