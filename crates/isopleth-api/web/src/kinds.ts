/** What kind of thing a collection is, by the request that made it. */

import type { Ask, Collection } from './api'

export type Kind = 'hotspots' | 'cells' | 'isopleths' | 'significant' | 'emerging' | 'repeats' | 'areas' | 'sites' | 'streets' | 'other'

/** Layers that are derived from the question in hand: name, and how the method is asked for. */
export const DERIVED: Record<'cells' | 'isopleths' | 'significant' | 'emerging' | 'repeats', { title: string; hint: string; of: (ask: Ask) => Ask }> = {
  cells: {
    title: 'Density cells',
    hint: 'Kernel density, cell by cell, in incidents per km²',
    of: (ask) => bare(ask, density(ask)),
  },
  isopleths: {
    title: 'Isopleths',
    hint: 'The smallest areas that hold 25, 50 and 75 % of the density',
    of: (ask) => ({ ...bare(ask, density(ask)), contours: { volume: [0.25, 0.5, 0.75] } }),
  },
  significant: {
    title: 'Significant cells',
    hint: 'Getis-Ord Gi*, p adjusted over the whole map',
    of: (ask) => bare(ask, { name: 'getis_ord' }),
  },
  emerging: {
    title: 'Emerging categories',
    hint: 'New, consecutive, intensifying, persistent, … over at least ten months',
    of: (ask) => bare(ask, { name: 'emerging_hot_spots' }),
  },
  repeats: {
    title: 'Repeat locations',
    hint: 'Locations with three or more of the incidents, by count',
    of: (ask) => bare(ask, { name: 'repeat_locations', min_count: 3, max: 100 }),
  },
}

export type Derived = keyof typeof DERIVED

export function isDerived(name: string): name is Derived {
  return name in DERIVED
}

/** The same selection by another method. */
export function bare(ask: Ask, method: Ask['method']): Ask {
  return { ...(ask.select ? { select: ask.select } : {}), method, ...(ask.marking ? { marking: ask.marking } : {}) }
}

function density(ask: Ask): Ask['method'] {
  return ask.method.name === 'kernel_density' ? ask.method : { name: 'kernel_density' }
}

export function kindOfAsk(ask: Ask | undefined): Kind {
  switch (ask?.method.name) {
    case 'kernel_density':
    case 'dual_density':
      return ask.contours ? 'isopleths' : ask.hotspots ? 'hotspots' : 'cells'
    case 'getis_ord':
    case 'local_moran':
      return 'significant'
    case 'emerging_hot_spots':
      return 'emerging'
    case 'repeat_locations':
      return 'repeats'
    default:
      return 'other'
  }
}

export function kind(collection: Collection): Kind {
  if (collection.id.startsWith('areas-')) return 'areas'
  if (collection.id.startsWith('sites-')) return 'sites'
  if (collection.id.startsWith('streets-')) return 'streets'
  return kindOfAsk(collection.provenance?.request)
}

/** Whether it lies below and beside analyses, and is none. */
export function isGroundKind(kind: Kind): boolean {
  return kind === 'areas' || kind === 'sites' || kind === 'streets'
}

export function isGround(collection: Collection): boolean {
  return isGroundKind(kind(collection))
}

export function isAnalysis(collection: { id: string }): boolean {
  return collection.id.startsWith('analysis-')
}

/** Whether two requests ask for the same, whatever their titles and the order of their members. */
export function same(a: unknown, b: unknown): boolean {
  return canonical(a) === canonical(b)
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`
  if (value && typeof value === 'object') {
    const members = Object.entries(value).filter(([name, v]) => name !== 'title' && v !== undefined)
    return `{${members.sort(([x], [y]) => (x < y ? -1 : 1)).map(([n, v]) => `${n}:${canonical(v)}`).join()}}`
  }
  return JSON.stringify(value)
}

/** The word that a class or category is known by where colour does not help. */
export const LETTERS: Record<string, string> = {
  new: 'N', consecutive: 'C', intensifying: 'I', persistent: 'P', diminishing: 'D', sporadic: 'S',
  oscillating: 'O', historical: 'H', emerging: 'E', intermittent: 'T', former: 'F', mixed: 'M',
  high_high: 'HH', high_low: 'HL', low_high: 'LH', low_low: 'LL', hot_99: '99', hot_95: '95', hot_90: '90',
}

/** What the features of a layer are listed by, where it does not rank them itself. */
export function order(collection: Collection): string {
  const has = (name: string): boolean => Boolean(collection.columns?.some((c) => c.name === name))
  if (isGround(collection) || has('rank') || has('volume')) return ''
  const by = ['density_per_km2', 'density_per_km', 'z', 'relative_risk', 'count'].find(has)
  return by ? `-${by}` : ''
}

/** The title of an area, a site or a street layer without its kind. */
export function groundTitle(collection: { title: string }): string {
  const title = collection.title.replace(/^(Areas|Sites): /, '').replaceAll('_', ' ')
  return title.charAt(0).toUpperCase() + title.slice(1)
}

/** Areas that hold others. */
export function isWide(collection: { id: string }): boolean {
  return /borough|district|county|force|authority/.test(collection.id)
}
