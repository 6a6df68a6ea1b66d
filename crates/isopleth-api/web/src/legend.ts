/** The legend: fixed classes in words, each with its colour and its form. */

import { h } from './dom'
import { app, isLoaded, type Loaded } from './app'
import { groundTitle, isGroundKind, isWide, LETTERS } from './kinds'
import { count, sentence } from './words'

const TITLES: Record<string, string> = {
  hotspots: 'Hotspots by rank', cells: 'Density (incidents per km²)', isopleths: 'Isopleths', significant: 'Significant cells',
  emerging: 'Emerging categories', repeats: 'Repeat locations by incidents', areas: 'Boundaries', sites: 'Sites', streets: 'Streets', other: 'Classes',
}

/** What is on the maps: the layer, the other side where its classes are others, and what is switched on. */
export function explained(over: Loaded[] = [...app.over.values()].filter(isLoaded)): Loaded[] {
  const { main, other } = app
  return [main, ...(other && !(main && sameClasses(main, other)) ? [other] : []), ...over].filter((l): l is Loaded => l !== null)
}

function sameClasses(a: Loaded, b: Loaded): boolean {
  return JSON.stringify(partOf(a)) === JSON.stringify(partOf(b))
}

/** Every marking of these layers and of the other side. */
export function markings(layers: Loaded[]): string[] {
  return [...new Set([...layers, app.other].flatMap((l) => l?.collection.provenance?.marking ?? []))]
}

/** What holds of both sides of a comparison, and what of one of them, said so. */
export function bySide(main: Loaded | null, other: Loaded | null, of: (side: Loaded) => string[]): string[] {
  const [first, second] = [main, other].map((side) => (side ? of(side) : []))
  if (!other) return first!
  const only = (mine: string[], theirs: string[], name: string): string[] => mine.filter((t) => !theirs.includes(t)).map((t) => `${name}: ${t}`)
  return [...first!.filter((t) => second!.includes(t)), ...only(first!, second!, 'first map'), ...only(second!, first!, 'second map')]
}

/** That the sides of a comparison were made with different bandwidths, so that sizes are not alike. */
export function unlike(main: Loaded | null, other: Loaded | null): string {
  const [a, b] = [main, other].map((l) => l?.collection.provenance?.resolved?.['bandwidth_m'])
  return typeof a === 'number' && typeof b === 'number' && a !== b ? `Smoothed differently: bandwidth ${count(a)} m on the first map, ${count(b)} m on the second. Sizes and numbers of what is shown are not alike` : ''
}

/** A line of the legend: the form and colour of what is drawn, and what it means. */
export interface Entry { form: string; colour: string; label: string; sign: string }
export interface Part { title: string; entries: Entry[]; ranked: boolean }

/** What the legends of layers say, those of areas, sites and streets together. */
export function parts(layers: Loaded[]): Part[] {
  const ground = layers.filter((l) => isGroundKind(l.kind))
  const told = layers.filter((l) => !ground.includes(l)).map(partOf)
  if (!ground.length) return told
  const entries = ground.map((l) => {
    const form = l.kind === 'sites' ? 'ring' : l.kind === 'streets' ? 'street' : isWide(l.collection) ? 'outline wide' : 'outline'
    return { form, colour: '', label: groundTitle(l.collection), sign: '' }
  })
  return [...told, { title: 'Areas, sites and streets', entries, ranked: false }]
}

function partOf({ kind, collection, style }: Loaded): Part {
  const classes = style.metadata?.['isopleth:legend'] ?? []
  const form = collection.geometry === 'Point' ? 'disc' : /Line/.test(collection.geometry) ? 'stroke' : 'patch'
  return {
    title: sentence(TITLES[kind] ?? 'Classes'), ranked: kind === 'hotspots',
    entries: classes.map((c) => ({ form, colour: c.colour, label: c.label, sign: letter(c.label, kind) })),
  }
}

/** The legends of layers. */
export function legends(layers: Loaded[]): HTMLElement[] {
  return parts(layers).map(({ title, entries, ranked }) => h('section', { class: 'legend-part' }, h('h3', null, title),
    entries.length ? h('ul', null, entries.map(row)) : h('p', { class: 'quiet' }, ALIKE),
    ranked ? h('p', { class: 'quiet' }, h('span', { class: 'disc-number' }, '1'), ` ${RANKED}`) : null))
}

export const ALIKE = 'All alike'
export const RANKED = 'number = rank in the list'

function letter(label: string, kind: string): string {
  if (kind === 'emerging') return LETTERS[label.toLowerCase()] ?? ''
  if (kind !== 'significant') return ''
  const p = /at most 0\.(\d+)/.exec(label)?.[1]
  return p ? String(100 - Number(p)) : LETTERS[label.toLowerCase().replace(' among ', '_')] ?? ''
}

function row({ form, colour, label, sign }: Entry): HTMLElement {
  const swatch = h('span', { class: `swatch ${form}`, 'aria-hidden': 'true' })
  if (colour) swatch.style.setProperty('--c', colour)
  return h('li', null, swatch, h('span', null, sign ? h('b', null, sign) : null, sign ? ' ' : null, label))
}

/** Scale, grey or colour, has the order of the list: the darker the higher. */
export function note(layers: Loaded[]): string {
  return layers.some((l) => l.kind === 'hotspots' || l.kind === 'cells') ? 'Darker is higher. The classes are fixed and do not move with the view.' : ''
}
