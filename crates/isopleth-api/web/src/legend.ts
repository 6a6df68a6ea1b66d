/** The legend: fixed classes in words, each with its colour and its form. */

import { h } from './dom'
import type { Loaded } from './app'
import { isWide, LETTERS, VOLUMES } from './kinds'
import { percent, sentence } from './words'

const TITLES: Record<string, string> = {
  hotspots: 'Hotspots by rank', cells: 'Density (incidents per km²)', isopleths: 'Isopleths', significant: 'Significant cells',
  emerging: 'Emerging categories', repeats: 'Repeat locations by incidents', areas: 'Boundaries', sites: 'Sites', other: 'Classes',
}

/** The legends of layers, those of areas and sites together. */
export function legends(layers: Loaded[]): HTMLElement[] {
  const ground = layers.filter((l) => l.kind === 'areas' || l.kind === 'sites')
  const parts = layers.filter((l) => !ground.includes(l)).map(legendOf)
  if (!ground.length) return parts
  const rows = ground.map((l) => {
    return row(l.kind === 'sites' ? 'ring' : isWide(l.collection) ? 'outline wide' : 'outline', '', sentence(l.collection.title.replace(/^(Areas|Sites): /, '')))
  })
  return [...parts, h('section', { class: 'legend-part' }, h('h3', null, 'Areas and sites'), h('ul', null, rows))]
}

/** The legend of a layer. */
function legendOf(layer: Loaded): HTMLElement {
  const { kind, collection, style } = layer
  const shares = new Set(layer.page.features.map((f) => f.properties['volume']))
  const classes = shares.has(undefined) || !shares.size
    ? style.metadata?.['isopleth:legend'] ?? []
    : VOLUMES.filter(([share]) => shares.has(share)).map(([share, colour]) => ({ label: `smallest area with ${percent(share)} of the density`, colour }))
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
