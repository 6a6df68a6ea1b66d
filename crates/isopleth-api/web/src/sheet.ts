/** The fact sheet of one place. */

import * as api from './api'
import { app, type Loaded } from './app'
import { mix, type Part, seriesOf, trend } from './chart'
import { h, show } from './dom'
import { boxOf, labelPlace, within } from './geometry'
import { bare } from './kinds'
import { count, group, incidents, isSmall, LENS, many, name, percent, period, value } from './words'

/** Properties that have a place of their own in the sheet. */
const APART = new Set(['caveats', 'marking', 'run', 'chart_months', 'monthly_counts', 'monthly_expected', 'monthly_lower', 'monthly_upper', 'rank', 'name'])

/** The sheet of a feature of a layer. */
export function sheet(loaded: Loaded, feature: api.Feature, close: () => void): HTMLElement {
  const p = feature.properties
  const { collection } = loaded
  const title = String(p['name'] ?? (p['volume'] !== undefined ? `${percent(Number(p['volume']))} of the density` : feature.id))
  const caveats = caveatsOf(String(p['caveats'] ?? ''), collection.provenance?.caveats ?? [])
  const heading = h('h2', { tabindex: '-1', id: 'sheet-title' }, typeof p['rank'] === 'number' ? h('span', { class: 'disc-number' }, p['rank']) : null, ' ', title)
  const hot = loaded.kind === 'hotspots'
  const sections = [
    h('p', { class: 'lead' }, lead(loaded, feature)),
    caveats.length ? h('div', { class: 'caveats' }, h('h3', null, 'Before you rely on this'), h('ul', null, caveats.map((c) => h('li', null, sentence(c))))) : null,
    hot ? trendPart(loaded, feature) : seriesPart(p),
    hot ? mixPart(loaded, feature) : null,
    hot ? repeatsPart(loaded, feature) : null,
    timePart(loaded, feature),
    unknownPart(loaded, feature),
    h('section', null, h('h3', null, 'All properties'), h('dl', { class: 'facts' },
      (collection.columns ?? []).filter((c) => !APART.has(c.name)).map((c) => [
        h('dt', null, name(c.name)),
        h('dd', null, h('span', null, value(c, p[c.name])), h('small', null, c.meaning)),
      ]))),
    h('section', { class: 'quiet' }, h('h3', null, 'Where this comes from'),
      h('p', null, `${collection.title}. Run ${loaded.run}${collection.provenance?.data_cut_off ? `, data to ${collection.provenance.data_cut_off}` : ''}. `,
        h('a', { href: `${api.base}/collections/${encodeURIComponent(collection.id)}/items/${encodeURIComponent(feature.id)}?run=${loaded.run}` }, 'This feature as GeoJSON'))),
  ]
  return h('article', { class: 'sheet', 'aria-labelledby': 'sheet-title' },
    h('button', { class: 'back', onclick: close }, '← Back to the list'), app.other ? h('p', { class: 'quiet' }, `${loaded === app.other ? 'Second map' : 'First map'}: ${collection.title}`) : null, heading, sections.filter(Boolean) as HTMLElement[])
}

/** The caveats of a feature, one by one: those of its layer may have a semicolon themselves. */
function caveatsOf(text: string, known: string[]): string[] {
  const told = known.filter((c) => text.includes(c))
  const rest = told.reduce((left, c) => left.replace(c, ''), text)
  return [...told, ...rest.split('; ').filter((c) => c.trim())]
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? '' : '.')
}

/** In one line, in words. */
function lead(loaded: Loaded, feature: api.Feature): string {
  const p = feature.properties
  const { provenance } = loaded.collection
  if (typeof p['count'] !== 'number') return loaded.collection.description ?? ''
  const groups = (provenance?.groups ?? []).length <= 3 ? (provenance?.groups ?? []).map((g) => group(g).toLowerCase()).join(', ') : ''
  const what = `${incidents(p['count'])}${groups ? ` (${groups})` : ''}`
  const lens = provenance?.lens === 'police_generated' ? ', recorded because police looked,' : ''
  const where = typeof p['area_m2'] === 'number' ? ` on ${value({ name: 'area_m2', kind: 'real', meaning: '' }, p['area_m2'])}` : ''
  const few = (provenance?.caveats ?? []).some(isSmall)
  const share = typeof p['share_of_incidents'] === 'number' && !few
    ? `: ${percent(p['share_of_incidents'])} of the incidents${typeof p['share_of_area'] === 'number' ? ` on ${percent(p['share_of_area'])} of the ground` : ''}`
    : ''
  return sentence(`${what}${lens}${where}, ${period(provenance?.period)}${share}`)
}

/** A part that fills itself, or says why it cannot. */
function later(title: string, work: () => Promise<(HTMLElement | string)[]>): HTMLElement {
  const body = h('div', { class: 'later', 'aria-busy': 'true' }, h('p', { class: 'quiet' }, 'Being worked out …'))
  const run = (): void => {
    body.setAttribute('aria-busy', 'true')
    work().then(
      (parts) => show(body, parts.map((part) => (typeof part === 'string' ? h('p', null, part) : part))),
      (error: unknown) => show(body, h('p', { class: 'quiet' }, api.words(error)), error instanceof api.Unreachable ? h('button', { onclick: run }, 'Try again') : null),
    ).finally(() => body.setAttribute('aria-busy', 'false'))
  }
  run()
  return h('section', null, h('h3', null, title), body)
}

const NO_PROCESS = 'This service does not compute what it is asked, so there is nothing beyond the saved layers.'

function trendPart(loaded: Loaded, feature: api.Feature): HTMLElement {
  const explain = (p: Record<string, api.Value>): string[] => {
    const signals = String(p['chart_signals'] ?? '')
    return [signals ? `Signals: ${signals}.` : 'No signal: the months vary as chance lets them.']
  }
  const own = seriesOf(feature.properties)
  if (own) return h('section', null, h('h3', null, 'Trend by month'), trend(own), explain(feature.properties).map((t) => h('p', null, t)))
  return later('Trend by month', async () => {
    const { ask } = loaded
    if (!app.computes || !ask) return [NO_PROCESS]
    const wider = { ...ask, hotspots: { ...ask.hotspots, control_chart: {} } }
    const made = await api.analyse(wider)
    const same = await api.item(made.layer, feature.id, made.run)
    const series = seriesOf(same.properties)
    if (!series) return ['The data does not hold enough months for a trend.']
    return [trend(series), ...explain(same.properties)]
  })
}

/** Counts by step without limits: the emerging hot spots carry them. */
function seriesPart(p: Record<string, api.Value>): HTMLElement | null {
  if (typeof p['counts_by_step'] !== 'string' || typeof p['latest_step'] !== 'string') return null
  const counts = p['counts_by_step'].split(' ').map(Number)
  const last = p['latest_step']
  const at = Number(last.slice(0, 4)) * 12 + Number(last.slice(5, 7)) - 1
  const months = counts.map((_, n) => { const m = at - counts.length + 1 + n; return `${Math.floor(m / 12)}-${String((m % 12) + 1).padStart(2, '0')}` })
  return h('section', null, h('h3', null, 'Counts by month'), trend({ months, counts, expected: [], lower: [], upper: [] }),
    typeof p['history'] === 'string' ? h('p', { class: 'quiet' }, `Month by month: ${p['history']} (H hot, C cold, – neither).`) : null)
}

function mixPart(loaded: Loaded, feature: api.Feature): HTMLElement {
  const p = feature.properties
  const { provenance } = loaded.collection
  const both = h('p', null, 'Of the same groups and period here: ',
    h('strong', null, count(Number(p['count_reported'] ?? 0))), ' reported, ',
    h('strong', null, count(Number(p['count_police_generated'] ?? 0))), ' police-generated. Most frequent: ', String(p['top_offences'] ?? 'not known'), '.')
  const ward = later('Offence mix by lens', async () => {
    if (!app.computes || !loaded.ask || !feature.geometry) return [both]
    const wards = app.collections.filter((c) => c.id.startsWith('areas-ward')).at(-1)
    if (!wards) return [both]
    const [x, y] = labelPlace(feature.geometry)
    const found = await api.items(wards.id, { filter: `S_INTERSECTS(geometry,POINT(${x} ${y}))`, limit: 1 })
    const area = found.features[0]
    if (!area) return [both]
    const { code, kind, vintage } = area.properties
    const mixes = await Promise.all((['reported', 'police_generated'] as const).map(async (lens) => {
      const { groups: _groups, ...select } = loaded.ask?.select ?? {}
      const made = await api.analyse({
        select: { ...select, lens, area: { codes: [String(code)], kind: String(kind), vintage: String(vintage) } },
        method: { name: 'offence_mix', by: 'group' },
      })
      const page = await api.items(made.layer, { run: made.run, limit: 20 })
      const parts: Part[] = page.features.map((f) => ({ label: group(String(f.properties['part'])), n: Number(f.properties['numerator'] ?? 0), share: typeof f.properties['share'] === 'number' ? f.properties['share'] : null }))
      const total = Number(page.features[0]?.properties['denominator'] ?? 0)
      return total ? mix(parts, total, `${LENS[lens].title} in the ward ${area.properties['name']}, ${period(provenance?.period)}`) : h('p', null, `${LENS[lens].title}: none in the ward.`)
    }))
    return [both, ...mixes, h('p', { class: 'quiet' }, 'The two lenses are counted apart and never added: reports say what people told, police-generated records where police looked.')]
  })
  return ward
}

function repeatsPart(loaded: Loaded, feature: api.Feature): HTMLElement {
  return later('Repeat locations inside', async () => {
    const { ask } = loaded
    const { geometry } = feature
    if (!app.computes || !ask || !geometry) return [NO_PROCESS]
    const made = await api.analyse(bare(ask, { name: 'repeat_locations', min_count: 2, max: 500 }))
    const near = await api.items(made.layer, { run: made.run, bbox: boxOf(geometry).join(','), limit: 200 })
    const here = near.features.filter((f) => f.geometry && within(f.geometry.coordinates as [number, number], geometry))
    if (!here.length) return ['No location inside holds two or more of the incidents.']
    return [
      h('ol', { class: 'plain' }, here.slice(0, 10).map((f) => h('li', null,
        h('strong', null, String(f.properties['name'])), ` ${incidents(Number(f.properties['count']))}`,
        h('small', null, `${String(f.properties['place_kind'] ?? '')}${f.properties['station_stack'] ? ', recorded at a police station' : ''}, in ${many(Number(f.properties['distinct_months']), 'month')}`)))),
      here.length > 10 ? `And ${count(here.length - 10)} more.` : '',
      h('p', { class: 'quiet' }, here.some((f) => String(f.properties['place_kind']).includes('map point'))
        ? 'A map point stands for eight or more addresses, or for none: it is no address, and a repeat there is not a repeat victim.'
        : 'Kinds of place are told as the source gives them.'),
    ].filter((part) => part !== '')
  })
}

function timePart(loaded: Loaded, feature: api.Feature): HTMLElement | null {
  if (typeof feature.properties['count'] !== 'number') return null
  const caveats = [...(loaded.collection.provenance?.caveats ?? []), String(feature.properties['caveats'] ?? '')].join(' ')
  const peak = feature.properties['peak']
  const text = peak
    ? `Busiest window of the week: ${String(peak)}.`
    : feature.properties['peak_reason']
      ? sentence(String(feature.properties['peak_reason']))
      : /dated to the month/.test(caveats)
        ? 'There is none: the records are dated to the month. Neither a day of the week nor an hour can be read from them, and a chart would show something that nobody knows.'
        : 'No window of the week was asked for with this layer. Ask for one with "peak" in the request document; it is told only where enough records are known to the hour.'
  return h('section', null, h('h3', null, peak ? 'Time of the week' : 'Why there is no hour-of-day chart'), h('p', null, text))
}

function unknownPart(loaded: Loaded, feature: api.Feature): HTMLElement {
  const { provenance, columns } = loaded.collection
  const records = provenance?.records
  const p = feature.properties
  const gaps = (columns ?? []).filter((c) => (p[c.name] === null || p[c.name] === undefined) && !APART.has(c.name) && !c.name.endsWith('_reason'))
  const reason = (column: string): string => {
    const stem = column.replace(/_(percent|count|p|p_conditional)$/, '')
    const text = p[`${column}_reason`] ?? p[`${stem}_reason`] ?? p[`${stem.replace(/_change$/, '')}_change_reason`]
    if (text) return String(text)
    const why = /null (.*?)\.?$/.exec(columns?.find((c) => c.name === column)?.meaning ?? '')?.[1]
    return why ? `not known ${why}` : 'not given for this layer'
  }
  return h('section', null, h('h3', null, 'What is not known'), h('ul', null,
    records?.without_location ? h('li', null, `${sentence(`${incidents(records.without_location)} of the selection ${records.without_location === 1 ? 'has' : 'have'} no location and ${records.without_location === 1 ? 'is' : 'are'} on no map`)}`) : null,
    records?.of_unknown_offence ? h('li', null, `${count(records.of_unknown_offence)} records have an offence that the policy table does not know.`) : null,
    provenance?.lens === 'police_generated' ? h('li', null, 'What police did not look for is not here.') : h('li', null, 'What was not reported is not here.'),
    gaps.map((c) => h('li', null, `${name(c.name)}: ${reason(c.name)}.`.replace('..', '.')))))
}
