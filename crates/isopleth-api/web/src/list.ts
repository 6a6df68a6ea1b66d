/** The ranked list beside the map, and the table that says all that the map says. */

import * as api from './api'
import { app, change, LISTED, type Loaded } from './app'
import { h, say, show } from './dom'
import { order } from './kinds'
import { count, incidents, isSmall, lensOfGroup, many, name, percent, period, real, value } from './words'

/** Why there is nothing, in words. */
export function reason(loaded: Loaded): string {
  const { provenance } = loaded.collection
  const selected = provenance?.records?.selected
  const rules = loaded.ask?.hotspots
  const least = typeof rules?.['min_count'] === 'number' ? rules['min_count'] : null
  // Of none of its months, or of all its ground, is there any record.
  const unsupplied = provenance?.caveats?.some((c) => /zero means not supplied|in (\d+) of the \1 months/.test(c))
  const groups = loaded.ask?.select?.groups ?? []
  const otherLens = groups.length > 0 && groups.every((g) => lensOfGroup(g) !== provenance?.lens)
  const fewest = typeof loaded.ask?.method['min_count'] === 'number' ? loaded.ask.method['min_count'] : null
  const selection = selected === undefined ? '' : `${sentenceCase(incidents(selected))} in ${period(provenance?.period)} ${selected === 0 || selected === 1 ? 'matches' : 'match'} the question. `
  if (selected !== 0) return `${selection}${least ? `No place holds ${count(least)} or more of them as densely as the rule asks` : fewest ? `No place holds ${count(fewest)} or more of them` : 'Nothing meets the rule of the method'}. That is an answer, not a fault.`
  return selection + (unsupplied ? 'The data has nothing for this period: that is not known, and not zero.' : otherLens ? 'This lens never holds these offence groups: choose the other, or other groups.' : 'Choose a longer period or more offence groups.')
}

function emptiness(loaded: Loaded): HTMLElement {
  return h('div', { class: 'notice' }, h('p', null, h('strong', null, 'Nothing to show here.')), h('p', null, reason(loaded)))
}

function sentenceCase(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

/** One line about a feature, for the list and the tip on the map. */
export function line(properties: Record<string, unknown>): string {
  const n = properties['count']
  const parts = [properties['name'] ? String(properties['name']) : '']
  if (typeof n === 'number') parts.push(incidents(n))
  for (const [column, text] of [['category', ''], ['class', ''], ['quadrant', '']] as const) if (properties[column]) parts.push(text + String(properties[column]).replaceAll('_', ' '))
  if (typeof properties['density_per_km2'] === 'number') parts.push(`${real(properties['density_per_km2'])} per km²`)
  if (typeof properties['volume'] === 'number') parts.push(`holds ${percent(properties['volume'])} of the density`)
  return parts.filter(Boolean).join(' · ')
}

const UNITS: Record<string, string> = { density_per_km2: 'per km²', density_per_km: 'per km', z: 'z', relative_risk: 'times the risk' }

/** The ranked list. */
export function list(loaded: Loaded, pick: (id: string) => void): HTMLElement {
  const { page } = loaded
  if (!page.features.length) return emptiness(loaded)
  const few = (loaded.collection.provenance?.caveats ?? []).some(isSmall)
  const sorted = order(loaded.collection).slice(1)
  const by = sorted === 'count' ? '' : sorted
  /** What a row is ranked by, on its right. */
  const measure = (p: Record<string, api.Value>): HTMLElement | null => {
    const ranked = by ? p[by] : null
    if (typeof ranked === 'number') return h('span', { class: 'row-count' }, h('b', null, real(ranked)), h('small', null, UNITS[by] ?? name(by)))
    return typeof p['count'] === 'number' ? h('span', { class: 'row-count' }, h('b', null, count(p['count'])), h('small', null, p['count'] === 1 ? 'incident' : 'incidents')) : null
  }
  const rows = page.features.map((f, n) => {
    const p = f.properties
    const rank = typeof p['rank'] === 'number' ? p['rank'] : n + 1
    const picked = app.picked?.feature.id === f.id
    const signs = [
      p['station_stack'] ? 'police station: recorded here, not committed here' : '',
      p['edge_effect'] === true ? 'edge effect' : '',
      p['cut_at_boundary'] === true ? 'cut at boundary' : '',
    ].filter(Boolean)
    return h('li', null, h('button', { class: 'row', 'aria-current': picked ? 'true' : null, 'data-id': f.id, onclick: () => pick(f.id) },
      h('span', { class: 'disc-number', 'aria-label': `rank ${rank}` }, rank),
      h('span', { class: 'row-text' },
        h('strong', null, p['name'] ? String(p['name']) : p['volume'] !== undefined ? `${percent(Number(p['volume']))} of the density` : f.id),
        h('small', null, by && typeof p['count'] === 'number' ? `${incidents(p['count'])} · ` : '', subline(p, few), signs.length ? h('em', null, ` · ${signs.join(', ')}`) : null)),
      measure(p)))
  })
  const more = page.numberMatched - page.features.length
  return h('div', null, h('ol', { class: 'ranked' }, rows),
    more > 0 ? h('p', { class: 'quiet' }, `And ${many(more, 'more', 'more')}: all are on the map and in the table.`) : null)
}

function subline(p: Record<string, api.Value>, few: boolean): string {
  const parts: string[] = []
  if (typeof p['category'] === 'string') parts.push(p['category'].replaceAll('_', ' '))
  if (typeof p['class'] === 'string') parts.push(p['class'].replaceAll('_', ' '))
  if (typeof p['share_of_incidents'] === 'number' && !few) parts.push(`${percent(p['share_of_incidents'])} of incidents`)
  if (typeof p['area_m2'] === 'number') parts.push(value({ name: 'area_m2', kind: 'real', meaning: '' }, p['area_m2']))
  if (typeof p['place_kind'] === 'string') parts.push(p['place_kind'])
  if (typeof p['distinct_months'] === 'number') parts.push(`in ${many(p['distinct_months'], 'month')}`)
  return parts.join(' · ')
}

/** All features with all properties, page by page. */
export function table(loaded: Loaded, pick: (id: string) => void): HTMLElement {
  const leading = ['rank', 'name', 'count']
  const all = (loaded.collection.columns ?? []).filter((c) => !['marking', 'run', 'caveats'].includes(c.name))
  const columns = [...leading.flatMap((l) => all.filter((c) => c.name === l)), ...all.filter((c) => !leading.includes(c.name))]
  const region = h('div', { class: 'scroll table-region', tabindex: '0', role: 'region', 'aria-label': `Table of ${loaded.collection.title}` })
  const foot = h('div', { class: 'pager' })
  const box = h('div', { class: 'table-box' }, region, foot)
  const draw = (page: api.Page, offset: number): void => {
    show(region, h('table', { class: 'facts' },
      h('caption', null, `${loaded.collection.title}: ${page.features.length ? `${count(offset + 1)} to ${count(offset + page.features.length)} of ` : ''}${count(page.numberMatched)}`),
      h('thead', null, h('tr', null, columns.map((c) => h('th', { scope: 'col', title: c.meaning }, name(c.name))))),
      h('tbody', null, page.features.map((f) => h('tr', { 'data-id': f.id, 'aria-current': app.picked?.feature.id === f.id ? 'true' : null },
        columns.map((c, n) => {
          const text = value(c, f.properties[c.name])
          const inner = n === 0 ? h('button', { class: 'link', onclick: () => pick(f.id), 'aria-label': `Fact sheet of ${text}${f.properties['name'] ? `, ${f.properties['name']}` : ''}` }, text) : text
          return n === 0 ? h('th', { scope: 'row' }, inner) : h('td', { class: c.kind === 'integer' || c.kind === 'real' ? 'number' : null }, inner)
        }))))))
    if (!page.features.length) region.append(emptiness(loaded))
    const go = async (to: number): Promise<void> => {
      try {
        draw(await api.items(loaded.collection.id, { run: loaded.run, limit: LISTED, offset: to, sortby: order(loaded.collection) }), to)
        say(`From ${count(to + 1)}`)
      } catch (error) {
        show(foot, h('p', { class: 'notice', role: 'alert' }, api.words(error)))
      }
    }
    show(foot,
      h('button', { disabled: offset === 0, onclick: () => void go(Math.max(0, offset - LISTED)) }, 'Previous'),
      h('button', { disabled: offset + page.features.length >= page.numberMatched, onclick: () => void go(offset + LISTED) }, 'Next'),
      h('button', { class: 'quiet-button', onclick: () => change({ view: 'map' }) }, 'Back to the map'))
  }
  draw(loaded.page, 0)
  return box
}
