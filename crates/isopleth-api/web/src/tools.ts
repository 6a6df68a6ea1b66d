/** Finding, measuring, downloading, sharing. */

import * as api from './api'
import { app, everything } from './app'
import { field, h, say, select, show, tick } from './dom'
import { apart, around, boxOf, coordinate, gridSquare, inside } from './geometry'
import { groundTitle, isGround, kind } from './kinds'
import type { MapView } from './map'
import { area, count, distance } from './words'

/** A dialog of the page's own, closed by Escape, the button, or a click beside it. */
export function dialog(title: string, ...content: (Node | null)[]): HTMLDialogElement {
  const back = document.activeElement
  const box = h('dialog', { 'aria-labelledby': 'dialog-title' },
    h('header', null, h('h2', { id: 'dialog-title' }, title), h('button', { class: 'close', 'aria-label': 'Close', onclick: () => box.close() }, '×')),
    h('div', { class: 'dialog-body' }, content.filter((c) => c !== null)))
  box.addEventListener('click', (event) => { if (event.target === box) box.close() })
  box.addEventListener('close', () => { box.remove(); if (back instanceof HTMLElement) back.focus() })
  document.body.append(box)
  box.showModal()
  return box
}

/** A place, after the same numbers the other way round where that lies among the data and it does not. */
function either(place: [number, number], turned: [number, number] = [place[1], place[0]]): [number, number][] {
  const all = around(app.collections.flatMap((c) => c.extent.spatial?.bbox ?? []))
  const among = ([x, y]: [number, number]): boolean => all !== null && x >= all[0] - 0.5 && x <= all[2] + 0.5 && y >= all[1] - 0.5 && y <= all[3] + 0.5
  return among(turned) && !among(place) ? [turned, place] : [place]
}

interface Found { label: string; detail: string; go: (maps: MapView[]) => void }

/** A place by its coordinates. */
function placeAt(place: [number, number], detail: string): Found {
  const [lon, lat] = place
  return { label: `${lat.toFixed(5)}, ${lon.toFixed(5)}`, detail, go: (maps) => { for (const map of maps) map.set({ measured: [place] }); maps[0]?.jump({ lon, lat, zoom: 15 }) } }
}

/** Finds wards, sites, streets of the layer, and coordinates. */
export function search(maps: () => MapView[], pick: (layer: string, feature: api.Feature) => void): HTMLElement {
  const input = h('input', { type: 'search', placeholder: 'Ward, street or coordinate', title: 'Also easting and northing, and references of the National Grid', role: 'combobox', 'aria-expanded': 'false', 'aria-controls': 'found', 'aria-autocomplete': 'list', 'aria-label': 'Find a ward, street or coordinate', autocomplete: 'off' })
  const results = h('ul', { id: 'found', role: 'listbox', hidden: true, 'aria-label': 'Found' })
  let found: Found[] = []
  let at = -1
  let asked = 0
  const close = (): void => { results.hidden = true; input.setAttribute('aria-expanded', 'false'); input.removeAttribute('aria-activedescendant') }
  const choose = (n: number): void => {
    const one = found[n]
    if (!one || !maps().length) return
    input.value = one.label
    close()
    one.go(maps())
    say(`Moved to ${one.label}`)
  }
  const draw = (note = ''): void => {
    at = found.length ? 0 : -1
    show(results, found.map((f, n) => h('li', { role: 'option', id: `found-${n}`, 'aria-selected': n === at ? 'true' : 'false', onmousedown: (e: Event) => { e.preventDefault(); choose(n) } }, f.label, h('small', null, f.detail))),
      found.length ? null : h('li', { role: 'option', 'aria-disabled': 'true' }, note))
    results.hidden = false
    input.setAttribute('aria-expanded', 'true')
    if (at >= 0) input.setAttribute('aria-activedescendant', `found-${at}`)
  }
  const move = (by: number): void => {
    if (!found.length) return
    at = (at + by + found.length) % found.length
    for (const [n, li] of [...results.children].entries()) li.setAttribute('aria-selected', n === at ? 'true' : 'false')
    results.children[at]?.scrollIntoView({ block: 'nearest' })
    input.setAttribute('aria-activedescendant', `found-${at}`)
  }
  const look = async (): Promise<void> => {
    const text = input.value.trim()
    const mine = ++asked
    if (text.length < 2) { close(); return }
    const square = gridSquare(text)
    if (square) {
      const grid = await import('./grid').catch(() => null)
      if (mine !== asked) return
      if (!grid) { found = []; draw('The service cannot be asked just now.'); return }
      const told = `National Grid${square.side > 5 ? `, the middle of ${distance(square.side)} by ${distance(square.side)}` : ''}, within 6 m`
      const ways = square.turned ? either(grid.middle(square), grid.middle(square.turned)) : [grid.middle(square)]
      found = ways.map((place, n) => placeAt(place, ways.length > 1 && n === 0 ? `${told}: northing and easting, where the data are` : told))
      draw()
      return
    }
    const place = coordinate(text)
    if (place) {
      found = (/[nsew]/i.test(text) ? [place] : either(place)).map((p) => placeAt(p, p === place ? 'latitude, longitude' : 'latitude, longitude: the other way round, where the data are'))
      draw()
      return
    }
    if (/^[\d\s.,;:+\-−°ºNSEW'’′"”″()/]*$/i.test(text) && /\d/.test(text) && /[.,°º'’′]|\d{5}/.test(text)) {
      found = []
      draw('This is not understood as a place: give latitude and longitude (51.57, 0.2), easting and northing (551200, 186800) or a grid reference (TQ 512 868).')
      return
    }
    const pattern = text.replaceAll("'", "''").replace(/[%_\\]/g, '')
    const filter = `CASEI(name) LIKE CASEI('%${pattern}%')`
    const places = app.collections.filter(isGround)
    const named = everything().filter((l) => l.collection.columns?.some((c) => c.name === 'name'))
    const layers: [api.Collection, string | undefined][] = [...places.map((c): [api.Collection, undefined] => [c, undefined]), ...named.filter((l) => !places.includes(l.collection)).map((l): [api.Collection, string] => [l.collection, l.run])]
    const pages = await Promise.all(layers.map(([c, run]) => api.items(c.id, { limit: 5, filter, ...(run ? { run } : {}) }).then((page) => [c, page] as const, () => null)))
    if (mine !== asked) return
    if (pages.length && pages.every((p) => p === null)) { found = []; draw('The service cannot be asked just now.'); return }
    const seen = new Set<string>()
    found = pages.flatMap((p) => (p ? p[1].features.map((f) => [p[0], f] as const) : [])).flatMap(([c, f]) => {
      const label = String(f.properties['name'] ?? f.id)
      if (!f.geometry || seen.has(c.id + label)) return []
      seen.add(c.id + label)
      const box = boxOf(f.geometry)
      const ground = isGround(c)
      return [{ label, detail: ground ? groundTitle(c) : c.title, go: ([view]: MapView[]) => { view?.fit(box, 16); if (!ground) pick(c.id, f); else view?.set({ picked: f }) } }]
    }).slice(0, 12)
    draw(app.collections.some((c) => kind(c) === 'streets')
      ? 'Nothing of that name among wards, sites, streets and the places of this layer.'
      : 'Nothing of that name among wards, sites and the places of this layer. Streets are known where incidents were.')
  }
  let timer = 0
  input.addEventListener('input', () => {
    // The dot of a place that was looked for goes with its text.
    for (const map of maps()) if (!map.measuring) map.set({ measured: [] })
    clearTimeout(timer)
    timer = window.setTimeout(() => void look(), 150)
  })
  input.addEventListener('keydown', (event) => {
    if (event.key === 'ArrowDown') { event.preventDefault(); move(1) }
    else if (event.key === 'ArrowUp') { event.preventDefault(); move(-1) }
    else if (event.key === 'Enter') { event.preventDefault(); choose(at) }
    else if (event.key === 'Escape') close()
  })
  input.addEventListener('blur', close)
  return h('div', { class: 'search', role: 'search' }, input, results)
}

/** Measuring: points on the map, their distances, and the ground that they enclose. */
export function measuring(maps: MapView[], done: () => void): { bar: HTMLElement; add: (at: [number, number]) => void } {
  const path: [number, number][] = []
  const result = h('output', { 'aria-live': 'polite' }, 'Click on the map, or move it and add its centre.')
  const draw = (): void => {
    for (const map of maps) map.set({ measured: [...path] })
    if (path.length < 2) { result.textContent = path.length ? 'One point. Add another.' : 'Click on the map, or move it and add its centre.'; return }
    const length = path.slice(1).reduce((sum, p, n) => sum + apart(path[n]!, p), 0)
    const ring = path.length > 2 ? ` · encloses ${area(inside(path))}` : ''
    result.textContent = `${distance(length)} as the crow flies${ring}`
  }
  const add = (at: [number, number]): void => { path.push(at); draw() }
  for (const map of maps) map.measuring = true
  const bar = h('div', { class: 'measure', role: 'group', 'aria-label': 'Measure' }, h('strong', null, 'Measure'), result,
    h('button', { onclick: () => add([maps[0]!.camera.lon, maps[0]!.camera.lat]) }, 'Add centre'),
    h('button', { onclick: () => { path.pop(); draw() } }, 'Undo'),
    h('button', { onclick: () => { for (const map of maps) { map.measuring = false; map.set({ measured: [] }) } done() } }, 'Done'))
  return { bar, add }
}

const FORMATS: [ending: string, title: string, use: string][] = [
  ['geojson', 'GeoJSON', 'web maps, scripts'],
  ['gpkg', 'GeoPackage', 'QGIS, ArcGIS: with style'],
  ['csv', 'CSV', 'spreadsheets'],
  ['fgb', 'FlatGeobuf', 'large layers'],
  ['parquet', 'GeoParquet', 'analysis'],
  ['kml', 'KML', 'Google Earth'],
  ['geojsonl', 'GeoJSON text sequence', 'streams'],
]

/** Downloads of exactly what is shown: these runs, all of them or what lies in the view. */
export function downloads(maps: MapView[]): void {
  const map = maps[0] ?? null
  const shown = everything()
  if (!shown.length) return
  let layer = shown[0]!
  let inView = false
  const links = h('ul', { class: 'formats' })
  const draw = (): void => {
    const bbox = inView && map ? { bbox: map.bounds.map((v) => v.toFixed(6)).join(',') } : {}
    show(links, FORMATS.map(([ending, title, use]) => h('li', null,
      h('a', { href: api.file(layer.collection.id, layer.run, ending, bbox), download: `${layer.collection.id}-${layer.run}.${ending}` }, title), h('small', null, ` ${use}`))),
      map ? h('li', null, h('a', { href: api.picture(layer.collection.id, layer.run, map.bounds, 1600), download: `${layer.collection.id}-${layer.run}.png` }, 'PNG picture'), h('small', null, ' of this view: the layer alone, as scripts have it')) : null)
  }
  draw()
  const said = h('span', { role: 'status' })
  const make = h('button', { class: 'primary', onclick: async () => {
    if (make.getAttribute('aria-disabled')) return
    make.setAttribute('aria-disabled', 'true')
    said.textContent = 'being drawn …'
    try { await picture(maps); said.textContent = '' }
    catch (error) { said.textContent = `The picture cannot be made: ${api.words(error)}` }
    make.removeAttribute('aria-disabled')
  } }, 'Picture with legend, caveats and marking')
  dialog('Download what is shown',
    shown.length > 1 ? field('Layer', select(shown.map((l, n) => [String(n), `${l.collection.title} (${count(l.page.numberMatched)})`] as const), '0', (v) => { layer = shown[Number(v)]!; draw() })) : h('p', null, `${shown[0]!.collection.title}, ${count(shown[0]!.page.numberMatched)} features, run ${shown[0]!.run}.`),
    map ? tick('Only what lies in the view', false, (on) => { inView = on; draw() }) : null,
    links,
    h('p', { class: 'quiet' }, 'Every file but the picture carries its request, data revision, method, caveats and marking.'),
    map ? h('p', null, make, ' ', said) : null)
}

/** Saves what is on the screen as a picture for slides and reports. */
async function picture(maps: MapView[]): Promise<void> {
  const { composed } = await import('./picture')
  const address = URL.createObjectURL(await composed(maps))
  h('a', { href: address, download: `${app.main!.collection.id}-${app.main!.run}-map.png` }).click()
  setTimeout(() => URL.revokeObjectURL(address), 60_000)
}

/** The address of what is shown, for others. */
export async function share(): Promise<void> {
  const link = location.href
  const input = h('input', { type: 'text', readonly: true, value: link, 'aria-label': 'Permalink' })
  const note = h('p', { role: 'status' })
  dialog('Permalink', h('p', null, 'This address restores exactly what is shown: layer and run, place, what is switched on, and the comparison.'), input,
    h('button', { class: 'primary', onclick: async () => {
      try { await navigator.clipboard.writeText(link); note.textContent = 'Copied.' }
      catch { input.select(); note.textContent = 'Copy it with Ctrl+C.' }
    } }, 'Copy'), note,
    h('p', { class: 'quiet' }, 'Whoever opens it must be able to reach this service.'))
  input.select()
}
