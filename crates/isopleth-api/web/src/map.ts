/** The map: MapLibre with the tiles of the service, and nothing from anywhere else. */

import {
  type GeoJSONSource, type LayerSpecification, type LngLatBoundsLike, Map as GlMap, type MapGeoJSONFeature, NavigationControl, type PaddingOptions,
  ScaleControl, type StyleSpecification, setWorkerUrl,
} from 'maplibre-gl'
import workerUrl from 'maplibre-gl/dist/maplibre-gl-worker.mjs?worker&url'
import 'maplibre-gl/dist/maplibre-gl.css'
import { type Bbox, type Collection, type Feature, type Geometry, type Style, suspect, tiles } from './api'
import { boxOf, labelPlace } from './geometry'
import { isGroundKind, isWide, type Kind, LETTERS } from './kinds'

setWorkerUrl(new URL(workerUrl, import.meta.url).href)

/** Tiles of this zoom are drawn larger beyond it: their grid is finer than half a metre. */
const TILE_ZOOM = 14

/** A collection on the map. */
export interface Layer { collection: Collection; run: string; kind: Kind; style: Style }

/** A number on the map, above its hotspot, and the middle of that. */
export interface Numbered { id: string; rank: number; at: [number, number]; middle: [number, number] }

export interface Content {
  main: Layer | null
  over: Layer[]
  numbers: Numbered[]
  picked: Feature | null
  measured: [number, number][]
}

export interface Hit { layer: string; id: string; properties: Record<string, unknown> }

export interface Camera { zoom: number; lat: number; lon: number }

interface Colours { ground: string; street: string; line: string; quiet: string; text: string; halo: string; accent: string; number: string; numeral: string }

/** From the background up. */
const ORDER: Kind[] = ['streets', 'cells', 'isopleths', 'significant', 'emerging', 'other', 'areas', 'hotspots', 'repeats', 'sites']
const FONT = ['system-ui', 'Segoe UI', 'Helvetica', 'Arial', 'sans-serif']

/** The zoom at which most servers of background maps end; deeper ones are drawn from it. */
const DEEPEST = 19
/** Numbers stand above what they number, so that small hotspots are seen. */
const ABOVE: [number, number] = [0, -13]

const calm = matchMedia('(prefers-reduced-motion: reduce)')

/** Where tiles that lie below the layers are to be had, and whom they are owed to. */
export interface Basemap { tiles: string; attribution: string }

export class MapView {
  readonly gl: GlMap
  private content: Content = { main: null, over: [], numbers: [], picked: null, measured: [] }
  private drawn = ''
  onPick: (hits: Hit[], at: [number, number]) => void = () => undefined
  onMove: (camera: Camera, byHand: boolean) => void = () => undefined
  onIdle: () => void = () => undefined
  /** The background map cannot be had. */
  onNoGround: () => void = () => undefined
  hint: (hit: Hit) => string = () => ''
  /** Clicks add points to what is measured instead of picking. */
  measuring = false

  constructor(readonly element: HTMLElement, label: string, start: Camera | Bbox, readonly basemap: Basemap) {
    this.gl = new GlMap({
      container: element,
      style: this.style(),
      attributionControl: false,
      maplibreLogo: false,
      fadeDuration: 0,
      renderWorldCopies: false,
      pitchWithRotate: false,
      dragRotate: false,
      maxZoom: 20,
      minZoom: 3,
      ...(Array.isArray(start)
        ? { bounds: [[start[0], start[1]], [start[2], start[3]]], fitBoundsOptions: { padding: this.padding(), maxZoom: 16 } }
        : { center: [start.lon, start.lat], zoom: start.zoom }),
      // Printing and the tests read the picture after it was drawn.
      canvasContextAttributes: { preserveDrawingBuffer: true, antialias: true },
      locale: { 'Map.Title': label, 'NavigationControl.ZoomIn': 'Zoom in', 'NavigationControl.ZoomOut': 'Zoom out' },
    })
    this.gl.touchZoomRotate.disableRotation()
    this.gl.keyboard.disableRotation()
    this.gl.addControl(new NavigationControl({ showCompass: false }), 'top-right')
    this.gl.addControl(new ScaleControl({ maxWidth: 120, unit: 'metric' }), 'bottom-right')
    this.gl.on('error', (event) => {
      const { sourceId } = event as { sourceId?: string }
      if (sourceId === 'basemap') { this.onNoGround(); return }
      // Tiles that cannot be had say so once, in the page's own place for it.
      if (/fetch|load|network/i.test(String(event.error?.message))) suspect()
    })
    this.gl.on('move', (event) => this.onMove(this.camera, Boolean(event.originalEvent)))
    this.gl.on('idle', () => {
      this.nameAreas()
      this.onIdle()
    })
    this.gl.on('click', (event) => this.pick([event.point.x, event.point.y]))
    const tip = document.createElement('div')
    tip.className = 'tip'
    tip.hidden = true
    element.append(tip)
    if (basemap.tiles && basemap.attribution) {
      const credit = document.createElement('div')
      credit.className = 'credit'
      credit.textContent = basemap.attribution
      element.append(credit)
    }
    this.gl.on('mousemove', (event) => {
      const hit = this.measuring ? undefined : this.hits([event.point.x, event.point.y])[0]
      this.gl.getCanvas().style.cursor = this.measuring ? 'crosshair' : hit ? 'pointer' : ''
      const text = hit ? this.hint(hit) : ''
      tip.hidden = !text
      if (text) {
        tip.textContent = text
        tip.style.transform = `translate(${Math.round(event.point.x + 14)}px, ${Math.round(event.point.y + 14)}px)`
      }
    })
    this.gl.on('mouseout', () => { tip.hidden = true })
    const canvas = this.gl.getCanvas()
    canvas.setAttribute('aria-describedby', 'map-keys')
    canvas.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter') return
      event.preventDefault()
      this.pick([element.clientWidth / 2, element.clientHeight / 2])
    })
  }

  private pick(point: [number, number]): void {
    const at = this.gl.unproject(point)
    this.onPick(this.measuring ? [] : this.hits(point), [at.lng, at.lat])
  }

  get camera(): Camera {
    const { lng, lat } = this.gl.getCenter()
    return { zoom: this.gl.getZoom(), lat, lon: lng }
  }

  get bounds(): Bbox {
    const b = this.gl.getBounds()
    return [b.getWest(), b.getSouth(), b.getEast(), b.getNorth()]
  }

  jump(camera: Camera): void {
    this.gl.jumpTo({ center: [camera.lon, camera.lat], zoom: camera.zoom })
  }

  /** Whether all of a box is in view. */
  holds(bbox: Bbox | null): boolean {
    const now = this.bounds
    return bbox !== null && bbox[0] >= now[0] && bbox[1] >= now[1] && bbox[2] <= now[2] && bbox[3] <= now[3]
  }

  /** Moves to a box. */
  fit(bbox: Bbox, closest = 16): void {
    const [west, south, east, north] = bbox
    const bounds: LngLatBoundsLike = [[west, south], [east, north]]
    this.gl.fitBounds(bounds, { padding: this.padding(), maxZoom: closest, duration: calm.matches ? 0 : 300 })
  }

  /** Room for the controls around what is looked at. */
  private padding(): PaddingOptions {
    const { clientWidth: width, clientHeight: height } = this.element
    const all = Math.min(48, Math.min(width, height) / 8)
    const legend = this.element.closest('.map-area')?.querySelector<HTMLElement>('.legend')
    const beside = legend && width > 620 ? legend.offsetWidth + 12 : 0
    const label = this.element.parentElement?.querySelector<HTMLElement>('.frame-label')
    const above = label ? label.offsetTop + label.offsetHeight + 24 : 0
    return { top: Math.max(all, Math.min(above, height / 2)), bottom: all, right: all, left: Math.max(all, Math.min(beside, width / 2.5)) }
  }

  /** What lies at a point of the screen, the uppermost first. */
  private hits(point: [number, number]): Hit[] {
    const own = new Set(this.sources().filter((l) => !isGroundKind(l.kind) || l.kind === 'sites').map((l) => this.source(l)))
    const near: [[number, number], [number, number]] = [[point[0] - 3, point[1] - 3], [point[0] + 3, point[1] + 3]]
    const found: MapGeoJSONFeature[] = this.gl.queryRenderedFeatures(near)
    // Of numbers that overlap the best rank is painted above the others.
    const rank = (f: MapGeoJSONFeature): number => (f.source === 'numbers' ? Number(f.properties['rank']) : Infinity)
    found.sort((a, b) => (rank(a) === rank(b) ? 0 : rank(a) - rank(b)))
    const seen = new Set<string>()
    const hits: Hit[] = []
    for (const feature of found) {
      const layer = feature.source === 'numbers' ? this.content.main?.collection.id : feature.sourceLayer
      if (!layer || !(own.has(feature.source) || feature.source === 'numbers')) continue
      const id = String(feature.properties['id'] ?? '')
      if (!id || seen.has(`${layer} ${id}`)) continue
      seen.add(`${layer} ${id}`)
      hits.push({ layer, id, properties: feature.properties })
    }
    return hits
  }

  private sources(): Layer[] {
    const all = [...this.content.over, ...(this.content.main ? [this.content.main] : [])]
    return all.sort((a, b) => ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind))
  }

  private source(layer: Layer): string {
    return `${layer.collection.id}@${layer.run}`
  }

  /** Puts something else on the map. */
  set(content: Partial<Content>): void {
    this.content = { ...this.content, ...content }
    this.draw()
  }

  /** Draws what is on the map; again in other colours where the theme has changed. */
  draw(): void {
    const style = this.style()
    const text = JSON.stringify(style)
    if (text === this.drawn) return
    this.drawn = text
    this.gl.setStyle(style, { diff: this.gl.isStyleLoaded() === true })
  }

  private colours(): Colours {
    const read = getComputedStyle(document.documentElement)
    const of = (name: string): string => read.getPropertyValue(name).trim()
    return {
      ground: of('--map-ground'), street: of('--map-street'), line: of('--map-line'), quiet: of('--map-quiet'), text: of('--map-text'), halo: of('--map-halo'),
      accent: of('--map-accent'), number: of('--map-number'), numeral: of('--map-numeral'),
    }
  }

  private style(): StyleSpecification {
    const colours = this.colours()
    const { numbers, picked, measured } = this.content
    const sources: StyleSpecification['sources'] = {}
    const layers: LayerSpecification[] = [{ id: 'ground', type: 'background', paint: { 'background-color': colours.ground } }]
    if (this.basemap.tiles) {
      sources['basemap'] = { type: 'raster', tiles: [this.basemap.tiles], tileSize: 256, maxzoom: DEEPEST }
      layers.push({ id: 'basemap', type: 'raster', source: 'basemap', paint: { 'raster-opacity': 0.8, 'raster-saturation': -0.7 } })
    }
    const labels: LayerSpecification[] = []
    const letters: LayerSpecification[] = []
    for (const layer of this.sources()) {
      const source = this.source(layer)
      sources[source] = { type: 'vector', tiles: [tiles(layer.collection.id, layer.run)], minzoom: 0, maxzoom: TILE_ZOOM }
      layers.push(...this.layersOf(layer, source, colours))
      const told = ['emerging', 'significant'].includes(layer.kind) ? letters : labels
      told.push(...this.labelsOf(layer, source, colours))
    }
    const outline = picked?.geometry ? [{ type: 'Feature', geometry: picked.geometry, properties: {} }] : []
    sources['picked'] = { type: 'geojson', data: collectionOf(outline) }
    layers.push(
      { id: 'picked-halo', type: 'line', source: 'picked', filter: ['!=', ['geometry-type'], 'Point'], paint: { 'line-color': colours.halo, 'line-width': 6 } },
      { id: 'picked', type: 'line', source: 'picked', filter: ['!=', ['geometry-type'], 'Point'], paint: { 'line-color': colours.accent, 'line-width': 3 } },
      { id: 'picked-point', type: 'circle', source: 'picked', filter: ['==', ['geometry-type'], 'Point'], paint: { 'circle-radius': 13, 'circle-opacity': 0, 'circle-stroke-width': 3, 'circle-stroke-color': colours.accent } },
      ...labels,
    )
    sources['area-names'] = { type: 'geojson', data: collectionOf(JSON.parse(this.named || '[]')) }
    for (const wide of [false, true]) {
      layers.push({
        id: wide ? 'area-names' : 'area-names-small', type: 'symbol', source: 'area-names', filter: ['==', ['get', 'wide'], wide], ...(wide ? { maxzoom: 11.2 } : { minzoom: 10.8 }),
        layout: { 'text-field': ['get', 'name'], 'text-font': FONT, 'text-size': wide ? 13 : 11, 'text-max-width': 7, 'text-padding': 4, 'text-variable-anchor': ['center', 'top', 'bottom'], 'text-radial-offset': 2.2 },
        paint: { 'text-color': colours.quiet, 'text-halo-color': colours.halo, 'text-halo-width': 1.4 },
      })
    }
    sources['numbers'] = {
      type: 'geojson',
      data: collectionOf(numbers.map((n) => ({ type: 'Feature', geometry: { type: 'Point', coordinates: n.at }, properties: { id: n.id, rank: n.rank, picked: n.id === picked?.id } }))),
    }
    const few: number = 20
    // Names of areas, which come below, keep off what is numbered; letters of cells do not.
    sources['kept-free'] = { type: 'geojson', data: collectionOf(numbers.map((n) => ({ type: 'Feature', geometry: { type: 'Point', coordinates: n.middle }, properties: {} }))) }
    layers.push(
      {
        id: 'kept-free', type: 'symbol', source: 'kept-free',
        layout: { 'text-field': '■', 'text-font': FONT, 'text-size': 18, 'text-allow-overlap': true },
        paint: { 'text-opacity': 0 },
      },
      ...letters,
      {
        id: 'number-disc', type: 'circle', source: 'numbers', filter: ['any', ['<=', ['get', 'rank'], few], ['>=', ['zoom'], 12]],
        paint: {
          'circle-radius': ['case', ['get', 'picked'], 13, 10.5], 'circle-stroke-width': 2,
          'circle-color': ['case', ['get', 'picked'], colours.accent, colours.number], 'circle-stroke-color': ['case', ['get', 'picked'], colours.halo, colours.numeral],
          'circle-translate': ABOVE,
        },
        layout: { 'circle-sort-key': ['-', 0, ['get', 'rank']] },
      },
      {
        id: 'number', type: 'symbol', source: 'numbers', filter: ['any', ['<=', ['get', 'rank'], few], ['>=', ['zoom'], 12]],
        layout: { 'text-field': ['to-string', ['get', 'rank']], 'text-font': FONT, 'text-size': 12, 'text-allow-overlap': true, 'text-padding': 8, 'symbol-sort-key': ['get', 'rank'] },
        paint: { 'text-color': ['case', ['get', 'picked'], colours.halo, colours.numeral], 'text-translate': ABOVE },
      },
    )
    const line = measured.length > 1 ? [{ type: 'Feature', geometry: { type: 'LineString', coordinates: measured }, properties: {} }] : []
    const corners = measured.map((at) => ({ type: 'Feature', geometry: { type: 'Point', coordinates: at }, properties: {} }))
    sources['measured'] = { type: 'geojson', data: collectionOf([...line, ...corners]) }
    layers.push(
      { id: 'measured-halo', type: 'line', source: 'measured', paint: { 'line-color': colours.halo, 'line-width': 5 } },
      { id: 'measured', type: 'line', source: 'measured', paint: { 'line-color': colours.accent, 'line-width': 2.5, 'line-dasharray': [2, 1.5] } },
      { id: 'measured-corner', type: 'circle', source: 'measured', filter: ['==', ['geometry-type'], 'Point'], paint: { 'circle-radius': 4.5, 'circle-color': colours.accent, 'circle-stroke-color': colours.halo, 'circle-stroke-width': 2 } },
    )
    return { version: 8, sources, layers }
  }

  private layersOf(layer: Layer, source: string, colours: Colours): LayerSpecification[] {
    const id = layer.collection.id
    if (layer.kind === 'areas') {
      const wide = isWide(layer.collection)
      return [{
        id: `${source} outline`, type: 'line', source, 'source-layer': id,
        paint: { 'line-color': colours.line, 'line-width': wide ? 1.8 : 0.8, ...(wide ? {} : { 'line-dasharray': [3, 2] }) },
      }]
    }
    if (layer.kind === 'streets') {
      return [{
        id: `${source} street`, type: 'line', source, 'source-layer': id,
        layout: { 'line-cap': 'round', 'line-join': 'round' },
        paint: { 'line-color': colours.street, 'line-width': ['interpolate', ['exponential', 1.6], ['zoom'], 10, 0.4, 14, 2, 18, 10] },
      }]
    }
    if (layer.kind === 'sites') {
      return [{
        id: `${source} site`, type: 'circle', source, 'source-layer': id, minzoom: 11,
        paint: { 'circle-radius': ['interpolate', ['linear'], ['zoom'], 11, 2.5, 15, 7], 'circle-color': colours.halo, 'circle-stroke-color': colours.text, 'circle-stroke-width': 1.5 },
      }]
    }
    const under = layer.kind === 'hotspots' && this.content.over.some((l) => ['cells', 'isopleths', 'significant', 'emerging'].includes(l.kind))
    return layer.style.layers.map((spec, n) => {
      const copy = structuredClone(spec) as unknown as LayerSpecification & { paint: Record<string, unknown> }
      copy.id = `${source} ${n}`
      if ('source' in copy) copy.source = source
      if (copy.type === 'line' && layer.kind !== 'other') {
        copy.paint['line-color'] = colours.text
        copy.paint['line-width'] = layer.kind === 'hotspots' ? 1.6 : 1
      }
      // Over a surface hotspots are outlines, so that the surface can be read below them.
      if (copy.type === 'fill' && under) copy.paint['fill-opacity'] = 0
      if (copy.type === 'fill' && layer.kind === 'cells') {
        copy.paint['fill-antialias'] = false
        copy.paint['fill-opacity'] = 0.55
      }
      if (copy.type === 'fill' && layer.kind === 'isopleths') copy.paint['fill-opacity'] = 0.5
      return copy as LayerSpecification
    })
  }

  private labelsOf(layer: Layer, source: string, colours: Colours): LayerSpecification[] {
    const id = layer.collection.id
    const halo = { 'text-color': colours.text, 'text-halo-color': colours.halo, 'text-halo-width': 1.6 }
    if (layer.kind === 'sites') {
      return [{
        id: `${source} label`, type: 'symbol', source, 'source-layer': id, minzoom: 14,
        layout: { 'text-field': ['get', 'name'], 'text-font': FONT, 'text-size': 11, 'text-offset': [0, 1.1], 'text-anchor': 'top', 'text-optional': true },
        paint: halo,
      }]
    }
    if (layer.kind === 'streets') {
      return [{
        id: `${source} label`, type: 'symbol', source, 'source-layer': id, minzoom: 14,
        layout: { 'symbol-placement': 'line', 'text-field': ['get', 'name'], 'text-font': FONT, 'text-size': 11 },
        paint: { 'text-color': colours.quiet, 'text-halo-color': colours.halo, 'text-halo-width': 1.4 },
      }]
    }
    const column = layer.kind === 'emerging' ? 'category' : layer.kind === 'significant' ? (layer.collection.columns?.some((c) => c.name === 'quadrant') ? 'quadrant' : 'class') : ''
    if (!column) return []
    return [{
      id: `${source} letter`, type: 'symbol', source, 'source-layer': id, minzoom: 12,
      layout: { 'text-field': ['match', ['get', column], ...Object.entries(LETTERS).flat(), ''] as never, 'text-font': FONT, 'text-size': 10, 'text-padding': 0 },
      paint: halo,
    }]
  }

  /** Puts the name of each area once where most of it is in view; tiles would repeat it. */
  private nameAreas(): void {
    const features: unknown[] = []
    for (const layer of this.content.over.filter((l) => l.kind === 'areas')) {
      const wide = isWide(layer.collection)
      const best = new Map<string, { size: number; at: [number, number]; name: string }>()
      for (const part of this.gl.querySourceFeatures(this.source(layer), { sourceLayer: layer.collection.id })) {
        const geometry = part.geometry as Geometry
        const id = String(part.properties['id'])
        const [west, south, east, north] = boxOf(geometry)
        const size = (east - west) * (north - south)
        if (size <= (best.get(id)?.size ?? 0)) continue
        best.set(id, { size, at: labelPlace(geometry), name: String(part.properties['name'] ?? '') })
      }
      for (const { at, name } of best.values()) features.push({ type: 'Feature', geometry: { type: 'Point', coordinates: at }, properties: { name, wide } })
    }
    const text = JSON.stringify(features)
    if (text === this.named) return
    this.named = text
    const source = this.gl.getSource('area-names') as GeoJSONSource | undefined
    source?.setData(collectionOf(features))
  }
  private named = '[]'

  /** Says whether everything in view is drawn. */
  get settled(): boolean {
    return this.gl.loaded() && this.gl.areTilesLoaded()
  }

  /** What is drawn, as a picture. */
  picture(): string {
    this.gl.redraw()
    return this.gl.getCanvas().toDataURL('image/png')
  }

  resize(): void {
    this.gl.resize()
  }

  remove(): void {
    this.gl.remove()
  }

  /** Asks anew for tiles that could not be had. */
  reload(): void {
    const before = this.gl.getStyle()
    for (const [id, source] of Object.entries(before.sources)) {
      if (source.type !== 'vector') continue
      const now = this.gl.getSource(id) as (GeoJSONSource & { setTiles?: (tiles: string[]) => void }) | undefined
      if (source.tiles) now?.setTiles?.(source.tiles)
    }
  }
}

function collectionOf(features: unknown[]): never {
  return { type: 'FeatureCollection', features } as never
}
