/** Where things lie on the page. Nothing here enters a result. */

import type { Bbox, Geometry } from './api'

type Place = [number, number]

function rings(geometry: Geometry): Place[][][] {
  if (geometry.type === 'Polygon') return [geometry.coordinates as Place[][]]
  if (geometry.type === 'MultiPolygon') return geometry.coordinates as Place[][][]
  return []
}

function places(value: unknown, found: Place[] = []): Place[] {
  if (Array.isArray(value)) {
    if (typeof value[0] === 'number') found.push([value[0], value[1] as number])
    else for (const part of value) places(part, found)
  }
  return found
}

/** The box around a geometry. */
export function boxOf(geometry: Geometry): Bbox {
  const all = places(geometry.coordinates)
  const x = all.map((p) => p[0])
  const y = all.map((p) => p[1])
  return [Math.min(...x), Math.min(...y), Math.max(...x), Math.max(...y)]
}

export function around(boxes: Bbox[]): Bbox | null {
  if (!boxes.length) return null
  return boxes.reduce((a, b) => [Math.min(a[0], b[0]), Math.min(a[1], b[1]), Math.max(a[2], b[2]), Math.max(a[3], b[3])])
}

/** A place in a geometry to put its number: inside, near the middle. */
export function labelPlace(geometry: Geometry): Place {
  if (geometry.type === 'Point') return geometry.coordinates as Place
  const outer = rings(geometry).map((r) => r[0] ?? [])
  const ring = outer.sort((a, b) => Math.abs(area(b)) - Math.abs(area(a)))[0]
  if (!ring || ring.length < 4) return places(geometry.coordinates)[0] ?? [0, 0]
  const twice = area(ring)
  let [cx, cy] = [0, 0]
  const [ox, oy] = ring[0]!
  for (let n = 0; n + 1 < ring.length; n++) {
    const [x0, y0, x1, y1] = [ring[n]![0] - ox, ring[n]![1] - oy, ring[n + 1]![0] - ox, ring[n + 1]![1] - oy]
    const cross = x0 * y1 - x1 * y0
    cx += (x0 + x1) * cross
    cy += (y0 + y1) * cross
  }
  const centre: Place = twice ? [ox + cx / (3 * twice), oy + cy / (3 * twice)] : ring[0]!
  if (within(centre, geometry)) return centre
  // The middle of the longest stretch of a line through the centre that lies inside.
  const crossings = ring.slice(1).flatMap((b, n) => {
    const a = ring[n]!
    if (a[1] > centre[1] === b[1] > centre[1]) return []
    return [a[0] + ((centre[1] - a[1]) / (b[1] - a[1])) * (b[0] - a[0])]
  }).sort((a, b) => a - b)
  let best: [number, number] = [0, 0]
  for (let n = 0; n + 1 < crossings.length; n += 2) {
    if (crossings[n + 1]! - crossings[n]! > best[1] - best[0]) best = [crossings[n]!, crossings[n + 1]!]
  }
  return best[1] > best[0] ? [(best[0] + best[1]) / 2, centre[1]] : ring[0]!
}

/** The northernmost place of a geometry: a number above it hides nothing of it. */
export function summit(geometry: Geometry): Place {
  return places(geometry.coordinates).reduce((top, p) => (p[1] > top[1] ? p : top))
}

/** Twice the area of a ring, signed. */
function area(ring: Place[]): number {
  const [ox, oy] = ring[0] ?? [0, 0]
  let twice = 0
  for (let n = 0; n + 1 < ring.length; n++) {
    twice += (ring[n]![0] - ox) * (ring[n + 1]![1] - oy) - (ring[n + 1]![0] - ox) * (ring[n]![1] - oy)
  }
  return twice
}

/** Whether a place lies in a geometry. */
export function within(place: Place, geometry: Geometry): boolean {
  return rings(geometry).some((polygon) => polygon.reduce((inside, ring) => {
    let odd = false
    for (let n = 0; n + 1 < ring.length; n++) {
      const [a, b] = [ring[n]!, ring[n + 1]!]
      if (a[1] > place[1] !== b[1] > place[1] && place[0] < a[0] + ((place[1] - a[1]) / (b[1] - a[1])) * (b[0] - a[0])) odd = !odd
    }
    return odd ? !inside : inside
  }, false))
}

const RADIUS_M = 6_371_008.8

/** Great-circle distance, metres. */
export function apart(a: Place, b: Place): number {
  const rad = Math.PI / 180
  const dy = ((b[1] - a[1]) * rad) / 2
  const dx = ((b[0] - a[0]) * rad) / 2
  const q = Math.sin(dy) ** 2 + Math.cos(a[1] * rad) * Math.cos(b[1] * rad) * Math.sin(dx) ** 2
  return 2 * RADIUS_M * Math.asin(Math.sqrt(q))
}

/** Ground inside a line that is closed, m². */
export function inside(path: Place[]): number {
  const rad = Math.PI / 180
  const lat = path.reduce((sum, p) => sum + p[1], 0) / path.length
  const flat = [...path, path[0]!].map((p): Place => [(p[0] - path[0]![0]) * rad * RADIUS_M * Math.cos(lat * rad), (p[1] - path[0]![1]) * rad * RADIUS_M])
  return Math.abs(area(flat)) / 2
}

/** Typographic signs, brackets and words around numbers, as people copy them from documents. */
function plain(text: string): string {
  return text.trim().replaceAll('−', '-').replace(/[’‘′]/g, "'").replace(/[”“″]|''/g, '"').replaceAll('º', '°')
    .replace(/\b(lat|lon|lng|latitude|longitude|easting|northing)\b[:=]?/gi, ' ').replace(/[()[\]]/g, ' ').replace(/(^|[\s,;/])\+/g, '$1').replace(/(^|[\s,;/-])\./g, '$10.').trim()
}

/** `51.57, 0.18`, `51°34'N 0°11'E`, `N 51.57 E 0.18`, `51 34 12 N 0 11 0 E`: latitude and longitude, or with longitude first where letters say so. */
export function coordinate(text: string): Place | null {
  const clean = plain(text)
  const number = String.raw`(-?\d+(?:\.\d+)?)`
  // Degrees, minutes and seconds with no signs between them need letters to end them.
  const three = String.raw`${number} (\d+(?:\.\d+)?)(?: (\d+(?:\.\d+)?))? ?([NSEW])`
  const spaced = new RegExp(`^${three}[\\s,;/]*${three}$`, 'i').exec(clean)
  if (spaced) return placeOf([angle(spaced[1], spaced[2], spaced[3], spaced[4]), angle(spaced[5], spaced[6], spaced[7], spaced[8])])
  // Letters stand before all numbers or behind all.
  const [ahead, behind] = /^[NSEW]/i.test(clean) ? [String.raw`(?<letter>[NSEW])?\s*`, ''] : ['', '(?<letter>[NSEW])?']
  const part = new RegExp(String.raw`${ahead}${number}\s*°?\s*(?:(\d+(?:\.\d+)?)\s*'\s*)?(?:(\d+(?:\.\d+)?)\s*"\s*)?${behind}`, 'iy')
  const found: (Angle | null)[] = []
  let rest = 0
  while (rest < clean.length) {
    part.lastIndex = rest
    const match = part.exec(clean)
    if (!match?.[0]) return null
    const [degrees, minutes, seconds] = ahead ? match.slice(2) : match.slice(1)
    found.push(angle(degrees, minutes, seconds, match.groups?.['letter']))
    rest = part.lastIndex
    rest += /^[\s,;/]*/.exec(clean.slice(rest))![0].length
  }
  return placeOf(found)
}

interface Angle { value: number; letter: string }

function angle(degrees = '', minutes = '0', seconds = '0', letter = ''): Angle | null {
  if (Number(minutes) >= 60 || Number(seconds) >= 60) return null
  const size = Math.abs(Number(degrees)) + Number(minutes) / 60 + Number(seconds) / 3600
  return { value: degrees.startsWith('-') || /[SW]/i.test(letter) ? -size : size, letter: letter.toUpperCase() }
}

function placeOf(angles: (Angle | null)[]): Place | null {
  const [a, b] = angles
  if (!a || !b || angles.length !== 2) return null
  const axis = (letter: string): string => ('NS'.includes(letter) ? 'NS' : 'EW')
  if (a.letter && b.letter && axis(a.letter) === axis(b.letter)) return null
  const swapped = 'EW'.includes(a.letter || '-') || 'NS'.includes(b.letter || '-')
  const [lat, lon] = swapped ? [b.value, a.value] : [a.value, b.value]
  return Math.abs(lat) <= 85 && Math.abs(lon) <= 180 ? [lon, lat] : null
}

/** A square of the National Grid of Great Britain: its middle in metres of EPSG:27700, and its side. */
export interface GridSquare {
  east: number
  north: number
  side: number
  /** With easting and northing the other way round, where that lies on the grid, too. */
  turned: GridSquare | null
}

/** `TQ 512 868`, `TQ5120086800`, `TQ 51 86`, `551200, 186800`: a reference of four figures or more, or easting and northing. */
export function gridSquare(text: string): GridSquare | null {
  // Thousands may be set apart.
  const clean = plain(text).replace(/\b(\d{2,3}),(\d{3})\b/g, '$1$2')
  const metres = /^E?\s*(\d{5,7}(?:\.\d+)?)\s*E?[\s,;/]+N?\s*(\d{4,7}(?:\.\d+)?)\s*N?$/i.exec(clean)
  if (metres) {
    const [east, north] = [Number(metres[1]), Number(metres[2])]
    const at = (e: number, n: number): GridSquare | null => (e < 700_000 && n < 1_300_000 ? { east: e, north: n, side: 0, turned: null } : null)
    const turned = at(north, east)
    const given = at(east, north)
    return given ? { ...given, turned } : turned
  }
  const lettered = /^([HNOST])([A-HJ-Z])\s*(\d{2,5})[\s,]+(\d{2,5})$|^([HNOST])([A-HJ-Z])\s*(\d{4}|\d{6}|\d{8}|\d{10})$/i.exec(clean)
  if (!lettered) return null
  const [first = '', second = ''] = [lettered[1] ?? lettered[5], lettered[2] ?? lettered[6]]
  const figures = lettered[7] ?? ''
  const [x = '', y = ''] = figures ? [figures.slice(0, figures.length / 2), figures.slice(figures.length / 2)] : [lettered[3], lettered[4]]
  if (x.length !== y.length) return null
  // Letters go east, then south, five in a row, without I; the grid begins at the south-west corner of SV.
  const at = (letter: string): number => 'ABCDEFGHJKLMNOPQRSTUVWXYZ'.indexOf(letter.toUpperCase())
  const [wide, small] = [at(first), at(second)]
  const side = 10 ** (5 - x.length)
  const east = ((wide % 5) - 2) * 500_000 + (small % 5) * 100_000 + (Number(x) + 0.5) * side
  const north = (3 - Math.floor(wide / 5)) * 500_000 + (4 - Math.floor(small / 5)) * 100_000 + (Number(y) + 0.5) * side
  return east < 700_000 && north < 1_300_000 ? { east, north, side, turned: null } : null
}
