/** An A4 page of what is shown: picture, legend, scale, list, caveats, provenance, marking. */

import { app, type Loaded } from './app'
import { h, show } from './dom'
import { apart } from './geometry'
import { isGroundKind } from './kinds'
import { bySide, explained, legends, markings, note, unlike } from './legend'
import { reason } from './list'
import type { Basemap, MapView } from './map'
import { area, count, distance, incidents, LENS, percent, period, sentence } from './words'

const page = h('div', { id: 'print', 'aria-hidden': 'true' })

/** Whether the page was filled by the button, in colours for paper. */
let filled = false

/** Fills the page where the browser prints by itself. */
export function beforePrint(maps: MapView[]): void {
  if (!filled) void prepare(maps)
}

/** Nothing that was printed is printed again. */
export function afterPrint(): void {
  filled = false
  show(page)
}

/** Fills the page that is printed with what is on the screen. Only the pictures are waited for. */
async function prepare(maps: MapView[]): Promise<void> {
  if (!page.isConnected) document.body.append(page)
  const { main, other } = app
  if (!main) return
  const pictures = maps.map((map, n) => picture(map, n === 0 ? main : other))
  const layers = explained()
  const marking = markings(layers).join(' · ')
  const legend = [h('h2', null, 'Legend'), ...legends(layers), h('p', null, note(layers))]
  const mark = (): HTMLElement | null => (marking ? h('p', { class: 'print-marking' }, marking) : null)
  show(page, mark(),
    h('header', null, h('h1', null, main.collection.title), h('p', null, h('strong', null, subtitle(main))),
      other ? h('p', null, `Beside it: ${other.collection.title} · ${subtitle(other)}`) : null),
    h('div', { class: 'print-maps' }, pictures),
    other
      ? [h('div', { class: 'print-two' }, h('div', null, ranked(main, ROWS_OF_TWO, ', first map')), h('div', null, ranked(other, ROWS_OF_TWO, ', second map'))), h('div', { class: 'print-legend' }, legend)]
      : h('div', { class: 'print-columns' }, h('div', null, legend), h('div', null, ranked(main, ROWS, ''))),
    h('div', { class: 'print-notes' },
      h('h2', null, 'What is to be known'),
      h('ul', null, known(layers, other).map((c) => h('li', null, c))),
      h('p', { class: 'print-source' }, sources(layers, other, maps[0]?.basemap ?? null))),
    mark())
  await Promise.all([...page.querySelectorAll('img')].map((image) => image.decode().catch(() => undefined)))
}

/** How many features the page lists. */
const ROWS = 20
/** The same of each of two sides, whose lists stand side by side without the areas. */
const ROWS_OF_TWO = 8

/** The first of a list. */
function ranked(loaded: Loaded, rows: number, side: string): Node[] {
  const { kind, page } = loaded
  const title = h('h2', null, `${kind === 'hotspots' ? 'Hotspots' : 'First features'}${side}`)
  if (!page.features.length) return [title, h('p', null, 'Nothing to show here. ', reason(loaded))]
  const numbers: [title: string, column: string, text: (v: number) => string][] = [['Incidents', 'count', count], ...(side ? [] : [['Area', 'area_m2', area] as [string, string, (v: number) => string]]), ['Share', 'share_of_incidents', percent]]
  return [title, h('table', null,
    h('thead', null, h('tr', null, h('th', null, ''), h('th', null, 'Near'), numbers.map(([t]) => h('th', { class: 'number' }, t)))),
    h('tbody', null, page.features.slice(0, rows).map((f, n) => h('tr', null,
      h('td', null, String(f.properties['rank'] ?? n + 1)), h('td', null, String(f.properties['name'] ?? f.id)),
      numbers.map(([, column, text]) => { const v = f.properties[column]; return h('td', { class: 'number' }, typeof v === 'number' ? text(v) : '–') })))))]
}

/** Lens, period and number, below the title. */
export function subtitle(loaded: Loaded): string {
  return `${lensOf(loaded)} · ${period(loaded.collection.provenance?.period)} · ${count(loaded.page.numberMatched)} on the map`
}

/** What is to be known before one relies on it. */
export function known([main, ...over]: Loaded[], other: Loaded | null): string[] {
  const p = main?.collection.provenance
  const q = other?.collection.provenance
  const lenses = other && q?.lens !== p?.lens
  const of = ({ collection: { provenance } }: Loaded): string[] => [...(provenance?.caveats ?? []), ...(provenance?.records?.without_location ? [`${incidents(provenance.records.without_location)} without a location, on no map`] : [])]
  const empty = ([main, other] as const).flatMap((l, n) => (l && other && !l.page.features.length ? [`${n ? 'second map' : 'first map'}: nothing to show. ${reason(l)}`] : []))
  return [...new Set([
    lenses ? 'Two lenses side by side: the one shows reports, the other police activity. They are not to be added or subtracted' : '',
    unlike(main ?? null, other), ...empty, ...bySide(main ?? null, other, of), ...over.filter((l) => l !== other).flatMap((l) => l.collection.provenance?.caveats ?? []),
    LENS[p?.lens ?? 'reported'].meaning, lenses ? LENS[q?.lens ?? 'reported'].meaning : '',
  ])].filter(Boolean).map(sentence)
}

/** What a layer was made of, and how. */
function madeBy({ collection: { provenance }, ask }: Loaded): string {
  return [
    provenance?.record_sources ? `sources ${Object.entries(provenance.record_sources).map(([k, v]) => `${k} ${count(v)}`).join(', ')}` : '',
    ask ? `method ${ask.method.name}${typeof provenance?.resolved?.['bandwidth_m'] === 'number' ? `, bandwidth ${count(provenance.resolved['bandwidth_m'])} m` : ''}` : '',
  ].filter(Boolean).join(' · ')
}

/** Where it comes from, in one line. */
export function sources([main, ...over]: Loaded[], other: Loaded | null, basemap: Basemap | null): string {
  if (!main) return ''
  const p = main.collection.provenance
  const above = over.filter((l) => l !== other && !isGroundKind(l.kind)).map((l) => `${l.ask?.method.name.replaceAll('_', ' ') ?? l.collection.title} run ${l.run}`)
  return [
    `Run ${main.run}`, above.length ? `with ${above.join(', ')}` : '', p?.data_cut_off ? `data to ${p.data_cut_off}` : '', p?.data_revision ? `revision ${p.data_revision}` : '', p?.engine ?? '',
    madeBy(main), other ? `second map: run ${other.run} · ${madeBy(other)}` : '',
    basemap?.tiles && basemap.attribution ? `background ${basemap.attribution}` : '',
    `made ${new Date().toLocaleDateString('en-GB', { dateStyle: 'long' })}`,
  ].filter(Boolean).join(' · ')
}

/** The length of a scale bar that fits into a quarter of this. */
export function niceBar(across: number): number {
  return [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000].filter((m) => m < across / 4).at(-1) ?? 1
}

export function lensOf(loaded: Loaded): string {
  const p = loaded.collection.provenance
  return p?.lens_title ?? (p?.lens ? LENS[p.lens].title : '')
}

function picture(map: MapView, loaded: Loaded | null): HTMLElement {
  const [west, , east] = map.bounds
  const { lat } = map.camera
  const across = apart([west, lat], [east, lat])
  const nice = niceBar(across)
  const bar = h('div', { class: 'print-scale' }, h('span'), h('b', null, distance(nice)))
  bar.querySelector('span')!.style.width = `${(100 * nice) / across}%`
  return h('figure', null, h('img', { src: map.picture(), alt: `Map of ${loaded?.collection.title ?? ''}` }), h('div', { class: 'print-north', 'aria-label': 'North is up' }, '↑ N'), bar,
    loaded && app.other ? h('figcaption', null, h('strong', null, lensOf(loaded)), ` · ${loaded.collection.title}`) : null)
}

/** Prints, in colours for paper. */
export async function print(maps: MapView[]): Promise<void> {
  await inLight(maps, () => prepare(maps))
  filled = true
  window.print()
}

/** One after the other: each finds the theme as the person left it. */
let turn: Promise<unknown> = Promise.resolve()

/** Does something while the maps are drawn in the colours of the light theme. */
export function inLight<T>(maps: MapView[], work: () => Promise<T>): Promise<T> {
  const mine = turn.then(() => drawnInLight(maps, work))
  turn = mine.catch(() => undefined)
  return mine
}

async function drawnInLight<T>(maps: MapView[], work: () => Promise<T>): Promise<T> {
  const theme = document.documentElement.dataset['theme']
  document.documentElement.dataset['theme'] = 'light'
  for (const map of maps) map.draw()
  await Promise.all(maps.map((map) => new Promise<void>((resolve) => { map.gl.once('idle', () => resolve()); map.gl.triggerRepaint(); setTimeout(resolve, 3000) })))
  try {
    return await work()
  } finally {
    if (theme) document.documentElement.dataset['theme'] = theme
    else delete document.documentElement.dataset['theme']
    for (const map of maps) map.draw()
  }
}
