/** What is asked: layer, area, period, offence groups, lens, method and parameters; and running it. */

import * as api from './api'
import { app, change } from './app'
import { field, h, redraw, say, select, show, tick } from './dom'
import { isAnalysis, isGround, kindOfAsk } from './kinds'
import { count, DEFAULT_GROUPS, group, LENS, lensOfGroup, months, monthsOf, shortMonth } from './words'

/** Methods with the parameters that matter most. Every other stands behind the request document. */
const METHODS: [id: string, title: string, make: () => Pick<api.Ask, 'method' | 'hotspots' | 'contours'>][] = [
  ['hotspots', 'Hotspots (kernel density)', () => ({ method: { name: 'kernel_density' }, hotspots: { share_of_incidents: 0.25, min_count: 10, max: 20 } })],
  ['cells', 'Density, cell by cell', () => ({ method: { name: 'kernel_density' } })],
  ['isopleths', 'Isopleths: areas that hold 25, 50, 75 %', () => ({ method: { name: 'kernel_density' }, contours: { volume: [0.25, 0.5, 0.75] } })],
  ['significant', 'Significant cells (Getis-Ord Gi*)', () => ({ method: { name: 'getis_ord' } })],
  ['emerging', 'Emerging hot spots', () => ({ method: { name: 'emerging_hot_spots' } })],
  ['repeats', 'Repeat locations', () => ({ method: { name: 'repeat_locations', min_count: 3, max: 100 } })],
  ['audit', 'Wards: counts and change', () => ({ method: { name: 'area_audit' } })],
]

interface Draft { ask: api.Ask; method: string }

let draft: Draft | null = null
let running: AbortController | null = null
/** How the analysis is getting on; it outlives the form, which is drawn anew with every layer. */
const status = h('div', { class: 'run-status', role: 'status' })
let areas: [value: string, label: string][] = []

/** The analyses that were run here; others are months of a replay, parts of fact sheets, or other people's. */
const own = new Set((sessionStorage.getItem('isopleth-analyses') ?? '').split(',').filter(Boolean))

export function isOwn(collection: { id: string }): boolean {
  return own.has(collection.id)
}

/** Puts the question in hand into the form. */
export function adopt(): void {
  const ask = app.state.ask ?? app.whole?.ask
  if (!ask) { draft = null; return }
  const method = kindOfAsk(ask) as string
  draft = { ask: structuredClone(ask), method: METHODS.some(([id]) => id === method) ? method : ask.method.name === 'area_audit' ? 'audit' : 'own' }
}

/** Reads the names of areas once. */
export async function readAreas(): Promise<void> {
  const kinds = app.collections.filter((c) => c.id.startsWith('areas-'))
  const pages = await Promise.all(kinds.map((c) => api.items(c.id, { limit: 10000, ...(c.features > 60 ? { limit: 10000 } : {}) }).catch(() => null)))
  areas = pages.flatMap((page) => (page?.features ?? []).map((f): [string, string] => {
    const { code, name, kind, vintage } = f.properties
    return [JSON.stringify({ codes: [code], kind, vintage }), `${name} (${kind} ${vintage})`]
  }))
}

function codes(area: NonNullable<api.Ask['select']>['area']): string {
  if (!area) return ''
  if (typeof area === 'string') return area
  return Array.isArray(area) ? area.join() : area.codes.join()
}

function areaOptions(current: NonNullable<api.Ask['select']>['area']): [options: [string, string][], value: string] {
  const now = codes(current)
  const known = areas.find(([value]) => codes(JSON.parse(value)) === now)
  const options: [string, string][] = [['', 'All ground that the data reaches'], ...areas]
  if (!now || known) return [options, known?.[0] ?? '']
  const value = JSON.stringify(current)
  const named = app.main?.collection.provenance?.study_area?.areas?.map((a) => a.name).join(', ')
  return [[...options, [value, named || now]], value]
}

/** First and last month that any layer reaches. */
export function reach(): [string, string] | null {
  // What somebody has asked for says nothing of what the data has.
  const saved = app.collections.filter((c) => !isGround(c) && !isAnalysis(c))
  const of = saved.length ? saved : app.collections.filter(isAnalysis)
  const all = of.flatMap((c) => { const m = monthsOf(undefined, c.extent); return m ? [m] : [] })
  if (!all.length) return null
  return [all.map((m) => m[0]).sort()[0]!, all.map((m) => m[1]).sort().at(-1)!]
}

/** The panel. */
export function panel(box: HTMLElement): void {
  const layers = app.collections.filter((c) => !isGround(c))
  const own = layers.filter((c) => !isAnalysis(c))
  const made = layers.filter((c) => isOwn(c) || (isAnalysis(c) && c.id === app.state.layer))
  const current = app.main?.collection.id ?? app.state.layer
  const chooser = h('select', { 'data-keep': 'layer', onchange: () => change({ layer: chooser.value, run: '', ask: made.find((c) => c.id === chooser.value)?.provenance?.request ?? null, pick: '', month: '' }) },
    group_('Saved layers', own), made.length ? group_('Analyses', made) : null,
    app.main && !layers.some((c) => c.id === current) ? h('option', { value: current }, app.main.collection.title) : null)
  chooser.value = current
  redraw(box, h('h2', null, 'What is shown'), field('Layer', chooser), form())
}

function group_(label: string, list: api.Collection[]): HTMLElement {
  return h('optgroup', { label }, list.map((c) => h('option', { value: c.id }, `${c.title}${c.outdated ? ' (outdated)' : ''}`)))
}

function form(): HTMLElement | null {
  if (!draft) return null
  const { ask } = draft
  const chosen = { ...(ask.select ?? {}) }
  const lens: api.Lens = chosen.lens ?? app.main?.collection.provenance?.lens ?? 'reported'
  const set = (changes: Record<string, unknown>): void => {
    const next: Record<string, unknown> = { ...draft!.ask.select, ...changes }
    for (const [name, v] of Object.entries(next)) if (v === undefined) delete next[name]
    draft!.ask = { ...draft!.ask, select: next }
    changed()
  }
  const run = h('button', { class: 'primary', type: 'submit', 'data-keep': 'run', 'aria-disabled': running ? 'true' : null }, 'Run analysis')
  const changed = (): void => {
    // The title was that of the question before it was changed.
    delete draft!.ask.title
    run.classList.add('ready')
    const text = document.querySelector<HTMLTextAreaElement>('#request-document')
    if (text) {
      text.value = JSON.stringify(draft!.ask, null, 1)
      text.setCustomValidity('')
    }
  }

  const [options, areaNow] = areaOptions(chosen.area)
  const area = select(options, areaNow, (v) => set({ area: v ? JSON.parse(v) : undefined }))

  const span = reach()
  const [from, to] = monthsOf(chosen.period) ?? span ?? ['', '']
  const all = span ? months(from && from < span[0] ? from : span[0], to > span[1] ? to : span[1]) : []
  const options_ = all.map((m): [string, string] => [m, shortMonth(m)])
  const first = select(options_, from)
  const last = select(options_, to)
  const dated = (): void => {
    if (first.value > last.value) last.value = first.value
    set({ period: `${first.value}/${last.value}` })
  }
  first.addEventListener('change', dated)
  last.addEventListener('change', dated)
  first.setAttribute('aria-label', 'First month')
  last.setAttribute('aria-label', 'Last month')

  const known = [...new Set([...DEFAULT_GROUPS, ...app.collections.flatMap((c) => c.provenance?.groups ?? [])])]
  const groups = h('div', { class: 'ticks' })
  const drawGroups = (of: api.Lens): void => {
    const now = new Set(draft!.ask.select?.groups ?? [])
    show(groups, known.filter((g) => lensOfGroup(g) === of).map((g) => tick(group(g), now.has(g), (on) => {
      const next = new Set(draft!.ask.select?.groups ?? [])
      if (on) next.add(g)
      else next.delete(g)
      set({ groups: next.size ? known.filter((k) => next.has(k)) : undefined })
      summary()
    })))
  }
  const groupsNow = h('span')
  const summary = (): void => {
    const g = draft!.ask.select?.groups ?? []
    groupsNow.textContent = g.length ? g.map(group).join(', ') : 'all of the lens'
  }
  drawGroups(lens)
  summary()

  const lenses = h('fieldset', { class: 'lenses' }, h('legend', null, 'Lens'),
    (['reported', 'police_generated'] as const).map((l) => {
      const radio = h('input', { type: 'radio', name: 'lens', value: l, checked: l === lens, onchange: () => {
        const kept = (draft!.ask.select?.groups ?? []).filter((g) => lensOfGroup(g) === l)
        set({ lens: l, groups: kept.length ? kept : undefined })
        drawGroups(l)
        summary()
      } })
      return h('label', { class: 'tick' }, radio, h('span', null, LENS[l].title, h('small', null, LENS[l].meaning)))
    }))

  const sources = [...new Set(app.collections.flatMap((c) => Object.keys(c.provenance?.record_sources ?? {})))].sort()
  const sourceTicks = sources.length > 1 ? h('details', null, h('summary', null, 'Record sources: ', h('span', null, (chosen.record_sources ?? ['all']).join(', '))),
    h('div', { class: 'ticks' }, sources.map((src) => tick(src, !chosen.record_sources || chosen.record_sources.includes(src), (on) => {
      const now = new Set(draft!.ask.select?.record_sources ?? sources)
      if (on) now.add(src)
      else now.delete(src)
      set({ record_sources: now.size === sources.length ? undefined : sources.filter((x) => now.has(x)) })
    }))), h('small', null, 'Two sources may hold the same incidents: choose one, or they count twice.')) : null

  const parameters = h('div', { class: 'parameters' })
  const drawParameters = (): void => show(parameters, parameterFields(draft!, changed))
  const method = select([...METHODS.map(([id, title]): [string, string] => [id, title]), ...(draft.method === 'own' ? [['own', `By request document: ${ask.method.name}`] as [string, string]] : [])], draft.method, (v) => {
    const preset = METHODS.find(([id]) => id === v)?.[2]()
    if (!preset) return
    const { method: _m, hotspots: _h, contours: _c, title: _t, ...rest } = draft!.ask
    draft = { ask: { ...rest, ...preset }, method: v }
    drawParameters()
    changed()
  })
  drawParameters()

  const text = h('textarea', { id: 'request-document', rows: '10', spellcheck: 'false', 'aria-label': 'Request document' })
  text.value = JSON.stringify(ask, null, 1)
  text.addEventListener('input', () => {
    try {
      const read = JSON.parse(text.value) as api.Ask
      if (typeof read?.method?.name !== 'string') throw new Error('it names no method')
      text.setCustomValidity('')
      draft = { ask: read, method: 'own' }
      run.classList.add('ready')
    } catch (error) {
      text.setCustomValidity(`This is not a request document: ${error instanceof Error ? error.message : error}`)
    }
  })

  const start = async (event: Event): Promise<void> => {
    event.preventDefault()
    if (running) return
    if (!text.checkValidity()) {
      for (let part = text.closest('details'); part; part = part.parentElement?.closest('details') ?? null) part.open = true
      text.reportValidity()
      return
    }
    const mine = new AbortController()
    running = mine
    const ask = structuredClone(draft!.ask)
    const bar = h('progress', { max: '100', 'aria-label': 'Progress of the analysis' })
    const words = h('span', null, 'Sent')
    const cancel = (): void => { mine.abort(); words.textContent = 'Calling it off …'; run.focus() }
    show(status, h('div', { class: 'progress' }, bar, words, h('button', { type: 'button', onclick: cancel }, 'Cancel')))
    // Not disabled: that would lose the focus.
    run.setAttribute('aria-disabled', 'true')
    const { layer, run: shown } = app.state
    try {
      const made = await api.analyse(ask, (job) => {
        if (mine.signal.aborted) return
        if (typeof job.progress === 'number' && job.status === 'running') bar.value = job.progress
        words.textContent = job.status === 'accepted' ? 'Waiting for its turn' : `Running${job.progress ? `, ${count(job.progress)} %` : ''}`
      }, mine.signal)
      mine.signal.throwIfAborted()
      own.add(made.layer)
      sessionStorage.setItem('isopleth-analyses', [...own].join())
      run.classList.remove('ready')
      const open = (): void => change({ layer: made.layer, run: made.run, ask, pick: '', month: '' })
      if (app.state.layer === layer && app.state.run === shown) {
        show(status, h('p', { class: 'quiet' }, 'Done. The result is shown.'))
        say('The analysis is done')
        open()
      } else {
        // Somebody looks at something else by now.
        show(status, h('p', { class: 'quiet' }, 'The analysis is done. ', h('button', { type: 'button', onclick: () => { show(status); open() } }, 'Show it')))
        say('The analysis is done')
      }
    } catch (error) {
      const off = error === mine.signal.reason
      show(status, h('p', { class: off ? 'quiet' : 'notice', role: off ? null : 'alert' }, off ? 'Called off. The layer that was shown is still shown.' : api.words(error)))
    } finally {
      running = null
      for (const button of document.querySelectorAll('.run .primary')) button.removeAttribute('aria-disabled')
    }
  }

  const fields = h('form', { class: 'ask', onsubmit: (event: Event) => void start(event), novalidate: true },
    field('Area', area),
    h('fieldset', { class: 'period' }, h('legend', null, 'Period'), h('div', { class: 'pair' }, first, h('span', null, 'to'), last)),
    h('details', { class: 'groups', 'data-keep': 'groups' }, h('summary', null, 'Offence groups: ', groupsNow), groups),
    lenses, sourceTicks,
    h('details', { 'data-keep': 'method' }, h('summary', null, 'Method and parameters'), field('Method', method), parameters,
      h('details', { 'data-keep': 'document' }, h('summary', null, 'Request document'), h('small', null, 'Everything that can be asked for, as scripts send it.'), text)),
    app.computes ? h('div', { class: 'run' }, run, status) : h('p', { class: 'quiet' }, 'This service does not compute what it is asked. The saved layers are what there is.'))
  return fields
}

/** The parameters of a method that people change most. */
function parameterFields(draft: Draft, changed: () => void): (HTMLElement | null)[] {
  const number = (label: string, hint: string, get: () => unknown, put: (v: number | undefined) => void, attrs: Record<string, string> = {}): HTMLElement => {
    const now = get()
    const input = h('input', { type: 'number', inputmode: 'decimal', placeholder: 'auto', ...attrs })
    if (typeof now === 'number') input.value = String(now)
    input.addEventListener('input', () => { put(input.value === '' ? undefined : Number(input.value)); changed() })
    return field(label, input, hint)
  }
  const inMethod = (name: string) => [() => draft.ask.method[name], (v: number | undefined) => put(draft.ask.method, name, v)] as const
  const inHotspots = (name: string) => [() => draft.ask.hotspots?.[name], (v: number | undefined) => put((draft.ask.hotspots ??= {}), name, v)] as const
  const kernel = draft.ask.method.name === 'kernel_density'
  const cuts: [string, string, number][] = [['share_of_incidents', 'Share of incidents they hold, 0 to 1', 0.25], ['times_mean_density', 'Times as dense as the mean', 5], ['share_of_area', 'Share of the area, 0 to 1', 0.02], ['min_density_per_km2', 'Incidents per km², at least', 50]]
  const cut = draft.ask.hotspots ? cuts.find(([name]) => draft.ask.hotspots?.[name] !== undefined) ?? cuts[0]! : null
  return [
    kernel ? number('Bandwidth, m', 'How far an incident reaches; empty: chosen by a rule that the result names', ...inMethod('bandwidth_m'), { min: '25', step: '25' }) : null,
    kernel || ['getis_ord', 'emerging_hot_spots'].includes(draft.ask.method.name) ? number('H3 resolution', '9: some 330 m apart, 10: some 125 m; empty: chosen by the service', ...inMethod('h3_resolution'), { min: '6', max: '12', step: '1' }) : null,
    cut ? field('Hotspots are cut by', select(cuts.map(([name, title]) => [name, title] as const), cut[0], (v) => {
      const rule = cuts.find(([name]) => name === v)!
      for (const [name] of cuts) delete draft.ask.hotspots![name]
      draft.ask.hotspots![v] = rule[2]
      changed()
      const box = document.querySelector('.parameters')
      if (box) show(box, parameterFields(draft, changed))
    })) : null,
    cut ? number('Value of the rule', cut[1], ...inHotspots(cut[0]), { step: 'any', min: '0' }) : null,
    cut ? number('Fewest incidents', 'Hotspots with fewer are left out, and counted', ...inHotspots('min_count'), { min: '1', step: '1' }) : null,
    cut ? number('Most hotspots', 'Further ones are left out, and counted', ...inHotspots('max'), { min: '1', step: '1' }) : null,
    draft.ask.method.name === 'repeat_locations' ? number('Fewest incidents', 'Of a location', ...inMethod('min_count'), { min: '2', step: '1' }) : null,
  ]
}

function put(object: Record<string, unknown>, name: string, v: number | undefined): void {
  if (v === undefined) delete object[name]
  else object[name] = v
}
