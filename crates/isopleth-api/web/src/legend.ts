/** The legend: fixed classes in words, each with its colour and its form. */

import { h } from './dom'
import type { Loaded } from './app'
import { groundTitle, isGroundKind, isWide, LETTERS } from './kinds'
import { sentence } from './words'

const TITLES: Record<string, string> = {
  hotspots: 'Hotspots by rank', cells: 'Density (incidents per km²)', isopleths: 'Isopleths', significant: 'Significant cells',
  emerging: 'Emerging categories', repeats: 'Repeat locations by incidents', areas: 'Boundaries', sites: 'Sites', streets: 'Streets', other: 'Classes',
}

/** The legends of layers, those of areas, sites and streets together. */
export function legends(layers: Loaded[]): HTMLElement[] {
  const ground = layers.filter((l) => isGroundKind(l.kind))
  const parts = layers.filter((l) => !ground.includes(l)).map(legendOf)
  if (!ground.length) return parts
  const rows = ground.map((l) => {
    const form = l.kind === 'sites' ? 'ring' : l.kind === 'streets' ? 'street' : isWide(l.collection) ? 'outline wide' : 'outline'
    return row(form, '', groundTitle(l.collection))
  })
  return [...parts, h('section', { class: 'legend-part' }, h('h3', null, 'Areas, sites and streets'), h('ul', null, rows))]
}

/** The legend of a layer. */
function legendOf(layer: Loaded): HTMLElement {
  const { kind, collection, style } = layer
  const classes = style.metadata?.['isopleth:legend'] ?? []
  const title = TITLES[kind] ?? 'Classes'
  const rows = classes.map((c) => row(collection.geometry === 'Point' ? 'disc' : /Line/.test(collection.geometry) ? 'stroke' : 'patch', c.colour, c.label, letter(c.label, kind)))
  return h('section', { class: 'legend-part' }, h('h3', null, sentence(title)),
    rows.length ? h('ul', null, rows) : h('p', { class: 'quiet' }, 'All alike'),
    kind === 'hotspots' ? h('p', { class: 'quiet' }, h('span', { class: 'disc-number' }, '1'), ' number = rank in the list') : null)
}

function letter(label: string, kind: string): string {
  if (kind === 'emerging') return LETTERS[label.toLowerCase()] ?? ''
  if (kind !== 'significant') return ''
  const p = /at most 0\.(\d+)/.exec(label)?.[1]
  return p ? String(100 - Number(p)) : LETTERS[label.toLowerCase().replace(' among ', '_')] ?? ''
}

function row(form: string, colour: string, label: string, sign = ''): HTMLElement {
  const swatch = h('span', { class: `swatch ${form}`, 'aria-hidden': 'true' })
  if (colour) swatch.style.setProperty('--c', colour)
  return h('li', null, swatch, h('span', null, sign ? h('b', null, sign) : null, sign ? ' ' : null, label))
}

/** Scale, grey or colour, has the order of the list: the darker the higher. */
export function note(layers: Loaded[]): string {
  return layers.some((l) => l.kind === 'hotspots' || l.kind === 'cells') ? 'Darker is higher. The classes are fixed and do not move with the view.' : ''
}
