/** The map page: reads the public API, draws what it says, keeps what is shown in the address. */

import './style.css'
import * as api from './api'
import { alike, app, change, derive, everything, isLoaded, listed, load, type Loaded, onChange } from './app'
import { field, h, redraw, say, select, show, tick } from './dom'
import { around, boxOf, labelPlace, summit } from './geometry'
import { DERIVED, type Derived, groundTitle, isDerived, isGround, isAnalysis, isGroundKind, kind, same } from './kinds'
import { bySide, explained, legends, markings, note, unlike } from './legend'
import { line, list, reason, table } from './list'
import type { MapView, Numbered } from './map'
import { adopt, isOwn, panel, reach, readAreas } from './question'
import { sheet } from './sheet'
import { fromHash, type Shown, type State, step, toHash } from './state'
import { count, isSmall, LENS, many, month, months, monthsBetween, monthsOf, period, shifted } from './words'

const told = (name: string): string => document.querySelector<HTMLMetaElement>(`meta[name="isopleth-${name}"]`)?.content ?? ''
const basemap = { tiles: told('basemap'), attribution: told('basemap-attribution') }
/** How many analyses that were made lately are offered for a comparison. */
const OFFERED = 8
/** Milliseconds after which the page looks whether the data have changed. */
const LOOK_AGAIN = 30_000
/** The same while the map is moved. */
const LOOK_AT_MOST = 4_000
let maps: MapView[] = []
let measure: { add: (at: [number, number]) => void } | null = null

// ---------------------------------------------------------------- the frame of the page

const headline = h('div', { class: 'headline' })
const question = h('div', { class: 'panel-body' })
const switches = h('div', { class: 'panel-body' })
const comparison = h('div', { class: 'panel-body' })
const aside = h('div', { class: 'list-body' })
const frames = [h('div', { class: 'frame' }, h('div', { class: 'canvas' }))]
const mapsBox = h('div', { class: 'maps' }, frames)
const legend = h('details', { class: 'legend', open: innerWidth > 1200 })
const time = h('div', { class: 'time' })
const bar = h('div', { class: 'toolbar' })
const notices = h('div', { class: 'notices' })
const tableBox = h('div', { class: 'table-view', hidden: true })

function frame(): void {
  const root = document.querySelector('#app')!
  const theme = localStorage.getItem('isopleth-theme')
  if (theme) document.documentElement.dataset['theme'] = theme
  show(root,
    h('header', { class: 'top' },
      h('a', { class: 'brand', href: `${api.base}/` }, 'Isopleth'),
      h('div', { class: 'search-slot' }),
      h('div', { class: 'actions', role: 'group', 'aria-label': 'What is shown' },
        h('button', { onclick: () => change({ view: app.state.view === 'table' ? 'map' : 'table' }), class: 'view-button' }, 'Table'),
        h('button', { onclick: async () => (await import('./tools')).downloads(maps) }, 'Download'),
        h('button', { onclick: async () => (await import('./tools')).share() }, 'Link'),
        h('button', { onclick: async () => (await import('./print')).print(maps) }, 'Print'),
        h('button', { onclick: toggleTheme, 'aria-label': 'Light or dark', class: 'theme', title: 'Light or dark' }, '◐'))),
    h('main', null,
      h('aside', { class: 'panel', 'aria-label': 'What is shown' },
        h('section', null, question),
        h('section', null, h('h2', null, 'On the map'), switches),
        h('section', null, h('h2', null, 'Compare'), comparison)),
      h('section', { class: 'stage', 'aria-label': 'Map' }, headline, notices,
        h('div', { class: 'map-area' }, mapsBox, legend, bar, tableBox,
          h('p', { id: 'map-keys', class: 'spoken' }, 'Arrow keys move the map, plus and minus zoom, Enter opens what lies at its centre. The list says the same as the map.')),
        time),
      h('aside', { class: 'list', id: 'list', tabindex: '-1', 'aria-label': 'List and fact sheet' }, aside)))
  show(aside, h('p', { class: 'quiet' }, 'Reading the layers …'))
  show(headline, h('h1', { class: 'waiting' }, 'Isopleth'), h('p', null, ' '))
}

function dark(): boolean {
  const { theme } = document.documentElement.dataset
  return theme ? theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches
}

function toggleTheme(): void {
  const next = dark() ? 'light' : 'dark'
  document.documentElement.dataset['theme'] = next
  localStorage.setItem('isopleth-theme', next)
  for (const map of maps) map.draw()
}
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => { for (const map of maps) map.draw() })

function notice(key: string, ...content: (Node | string)[]): void {
  const old = notices.querySelector(`[data-key="${key}"]`)
  if (!content.length) { old?.remove(); return }
  const box = h('div', { class: 'notice', role: 'alert', 'data-key': key }, content)
  if (old) old.replaceWith(box)
  else notices.append(box)
}

// ---------------------------------------------------------------- what is shown

let turn = 0

/** Reads the layer of the state and shows it. */
async function showMain(refit: boolean): Promise<void> {
  const mine = ++turn
  const { state } = app
  notice('main')
  document.documentElement.classList.add('busy')
  try {
    const whole = await load({ layer: state.layer, run: state.run, ask: state.ask }, (job) => { if (mine === turn) waiting(job) })
    const loaded = state.month ? await load({ layer: '', run: '', ask: stepOf(whole, state.month, state.span) }) : whole
    if (mine !== turn) return
    notice('main')
    app.main = loaded
    app.whole = whole
    if (!state.month && (state.layer !== loaded.collection.id || state.run !== loaded.run)) {
      app.state = { ...app.state, layer: loaded.collection.id, run: loaded.run }
    }
    const present = loaded.collection.run
    if (loaded.run !== present && !state.month) {
      notice('main', `This is run ${loaded.run}. The data have changed since; the present run is ${present}. `, h('button', { onclick: () => change({ run: present }) }, 'Show the present run'))
    } else if (loaded.collection.outdated) {
      notice('main', `Outdated: ${loaded.collection.outdated_reason ?? 'the layer cannot be computed from the present data'}. Its last run is shown.`)
    }
    await pickUp()
    if (mine !== turn) return
    drawAll()
    if (refit) fit()
    say(`${loaded.collection.title}: ${many(loaded.page.numberMatched, 'feature')}`)
  } catch (error) {
    if (mine !== turn) return
    playing = 0
    drawTime()
    const there = app.collections.find((c) => c.id === state.layer)
    const gone = there && state.run && error instanceof api.Refusal && error.status === 404
    notice('main', api.words(error), ' ', gone
      ? h('button', { onclick: () => change({ run: there.run, month: '', pick: '' }) }, 'Show the present run')
      : h('button', { onclick: () => void showMain(refit) }, 'Try again'))
    if (!app.main) {
      show(headline, h('h1', null, there ? there.title : 'No such layer'))
      show(aside, h('div', { class: 'notice' }, 'Nothing could be read. Choose another layer.'))
    }
  } finally {
    if (mine === turn) document.documentElement.classList.remove('busy')
  }
}

function waiting(job: api.Job): void {
  notice('main', `The layer is computed anew${job.progress ? `: ${count(job.progress)} %` : ' …'}`)
}

/** A step of the replay: the same question about that month, or so many months up to it. */
function stepOf(whole: Loaded, month: string, span: number): api.Ask {
  const { ask } = whole
  if (!ask) throw new Error('This layer has no period that could be replayed.')
  const step: api.Ask = { ...ask, select: { ...ask.select, period: `${shifted(month, 1 - span)}/${month}` } }
  delete step.title
  return alike(step, whole)
}

async function pickUp(): Promise<void> {
  const { pick } = app.state
  notice('pick')
  if (!pick) { app.picked = null; return }
  const at = pick.indexOf(':')
  const named = at > 0 ? pick.slice(0, at) : ''
  // An id may have a colon itself.
  const coming = named === BESIDE && app.state.other && !app.other
  const layer = coming || app.state.on.includes(named) || (named && ofLayer(named)) ? named : ''
  const id = layer ? pick.slice(at + 1) : pick
  const loaded = ofLayer(layer)
  if (!loaded) { app.picked = null; return }
  if (app.picked?.feature.id === id && app.picked.layer === loaded.collection.id) return
  const listed = loaded.page.features.find((f) => f.id === id)
  try {
    app.picked = { layer: loaded.collection.id, feature: listed ?? await api.item(loaded.collection.id, id, loaded.run) }
  } catch (error) {
    app.picked = null
    notice('pick', `The place of the link is not in this run: ${api.words(error)}`)
  }
}

/** What features of the other side of a comparison are picked by: its layer is another one with every month of a replay. */
const BESIDE = 'with'

/** The layer of this name: the main one, the other side, or one that is switched on. */
function ofLayer(name: string): Loaded | null {
  if (!name || name === app.main?.collection.id) return app.main
  if (name === BESIDE) return app.other
  const on = app.over.get(name)
  if (isLoaded(on)) return on
  for (const l of app.over.values()) if (isLoaded(l) && l.collection.id === name) return l
  return app.other?.collection.id === name ? app.other : null
}

function pick(layer: string, id: string): void {
  const name = [...app.over].find(([, l]) => isLoaded(l) && l.collection.id === layer)?.[0] ?? layer
  // The list of a layer that another one is about to replace.
  const { state } = app
  if (layer === app.main?.collection.id && state.layer && layer !== state.layer && !state.month) return
  if (layer === app.other?.collection.id && state.other && layer !== state.other.layer && !state.month) return
  // What is read is not to be taken away.
  if (playing) { playing = 0; drawTime() }
  if (name === app.main?.collection.id) change({ pick: id, listed: 'main' })
  else if (name === app.other?.collection.id) change({ pick: `${BESIDE}:${id}`, listed: 'other' })
  else change({ pick: `${name}:${id}` })
}

// ---------------------------------------------------------------- layers that are switched on

/** Areas and sites of the first view are drawn together with the layer. */
async function readOver(): Promise<void> {
  await Promise.all(app.state.on.filter((name) => !isDerived(name)).map((name) => load({ layer: name, run: '', ask: null }).then((l) => app.over.set(name, l), () => undefined)))
}

async function showOver(): Promise<void> {
  const wanted = app.state.on
  for (const name of [...app.over.keys()]) if (!wanted.includes(name)) app.over.delete(name)
  const ask = app.main?.ask ?? null
  await Promise.all(wanted.map(async (name) => {
    const had = app.over.get(name)
    if (isLoaded(had) && (!isDerived(name) || (ask && same(had.ask?.select, DERIVED[name].of(ask).select)))) return
    app.over.set(name, 'coming')
    drawSwitches()
    let found: Loaded | Error
    try {
      found = isDerived(name)
        ? ask ? await derive(name, ask) : new Error('This layer was not made by a question.')
        : await load({ layer: name, run: '', ask: null })
    } catch (error) {
      found = new Error(api.words(error))
    }
    // Another question has been put meanwhile, and asks for its own.
    if (isDerived(name) && !same(app.main?.ask?.select, ask?.select)) return
    app.over.set(name, found)
    if (!app.state.on.includes(name)) app.over.delete(name)
    drawSwitches()
    drawMaps()
  }))
  const before = app.picked
  await pickUp()
  if (before !== app.picked) drawAll()
}

function toggle(name: string, on: boolean): void {
  const gone = !on && app.state.pick.startsWith(`${name}:`)
  change({ on: on ? [...app.state.on, name] : app.state.on.filter((n) => n !== name), ...(gone ? { pick: '' } : {}) })
}

function drawSwitches(): void {
  const on = new Set(app.state.on)
  const entry = (name: string, title: string, hint: string): HTMLElement => {
    const now = app.over.get(name)
    const state = now === 'coming' ? h('small', { role: 'status' }, 'being worked out …')
      : now instanceof Error ? h('small', { class: 'fault', role: 'alert' }, now.message)
        : now && on.has(name) ? h('small', null, now.page.numberMatched === 0 ? 'none: nothing meets the rule' : many(now.page.numberMatched, 'feature')) : hint ? h('small', null, hint) : null
    return tick([title, state], on.has(name), (checked) => toggle(name, checked), { 'data-layer': name, 'data-keep': name })
  }
  const derived = app.main?.ask && app.computes && !app.main.ask.method.name.includes('audit')
    ? (Object.keys(DERIVED) as Derived[]).filter((name) => app.main?.kind !== name).map((name) => entry(name, DERIVED[name].title, DERIVED[name].hint)) : []
  const ground = app.collections.filter(isGround).map((c) => entry(c.id, groundTitle(c), kind(c) === 'areas' ? 'boundaries' : many(c.features, kind(c) === 'streets' ? 'street' : 'site')))
  redraw(switches,
    derived.length ? h('fieldset', null, h('legend', null, app.other ? 'From the same incidents, on the first map' : 'From the same incidents'), derived) : null,
    h('fieldset', null, h('legend', null, 'Areas, sites and streets'), ground.length ? ground : h('p', { class: 'quiet' }, 'None are loaded.')))
}

// ---------------------------------------------------------------- comparison

/** Whether the maps, which have become narrower or wider by choice, are to show the whole layer. */
let refit = false

let otherTurn = 0
/** What the other side of a replay was last asked for, and when it is there. */
let beside = { step: '', shown: Promise.resolve() }

const replayStep = ({ month, span }: State): string => (month ? `${month} ${span}` : '')

/** The other side of a replay: as far away in time as the periods of the two, where they are equally long. Also whether that is the same as the first side. */
async function replayedBeside(other: Loaded, { layer, run, ask, month: now, span }: State): Promise<{ loaded: Loaded; twice: boolean }> {
  if (!other.ask) return { loaded: other, twice: false }
  const main = await load({ layer, run, ask })
  const [a, b] = [main, other].map((l) => monthsOf(l.collection.provenance?.period ?? l.ask?.select?.period, l.collection.extent))
  const evenly = a && b && monthsBetween(...a) === monthsBetween(...b)
  const step = stepOf(other, evenly ? shifted(now, monthsBetween(a[1], b[1])) : now, span)
  return { loaded: await load({ layer: '', run: '', ask: step }), twice: same(step, stepOf(main, now, span)) }
}

function showOther(): void {
  beside = { step: replayStep(app.state), shown: readOther() }
}

async function readOther(): Promise<void> {
  const mine = ++otherTurn
  const { state } = app
  const { other } = state
  notice('other')
  if (!other) {
    const lost = app.picked && app.picked.layer === app.other?.collection.id && app.picked.layer !== app.main?.collection.id
    app.other = null
    if (lost || state.listed === 'other') change({ listed: 'main', ...(lost ? { pick: '' } : {}) })
    else if (!app.picked) drawAside()
    layoutMaps()
    drawComparison()
    drawHeadline()
    return
  }
  try {
    const whole = await load(other)
    const { loaded, twice } = state.month ? await replayedBeside(whole, state) : { loaded: whole, twice: false }
    if (mine !== otherTurn) return
    if (twice) notice('other', 'Both maps show the same: the periods that are compared are not equally long, so each step is the same months on both.')
    app.other = loaded
    if (app.state.other) app.state = { ...app.state, other: { ...app.state.other, layer: whole.collection.id, run: whole.run } }
    keepAddress()
  } catch (error) {
    if (mine !== otherTurn) return
    app.other = null
    refit = false
    notice('other', `The other side of the comparison: ${api.words(error)}`)
  }
  const before = app.picked
  await pickUp()
  if (mine !== otherTurn) return
  if (!app.picked || app.picked !== before) drawAside()
  drawTable()
  layoutMaps()
  drawComparison()
  drawHeadline()
  drawMaps()
}

/** Other sides of a question: the same at another time, or through the other lens. */
function sides(): [value: string, label: string, shown: Shown][] {
  const ask = app.state.ask ?? app.whole?.ask
  const found: [string, string, Shown][] = []
  const by = (value: string, label: string, changes: Partial<NonNullable<api.Ask['select']>>): void => {
    const next: api.Ask = { ...ask!, select: { ...ask!.select, ...changes } }
    delete next.title
    found.push([value, label, { layer: '', run: '', ask: app.whole ? alike(next, app.whole) : next }])
  }
  if (ask && app.computes) {
    const span = monthsOf(app.whole?.collection.provenance?.period ?? ask.select?.period, app.whole?.collection.extent)
    const whole = reach()
    if (span && whole) {
      const length = months(span[0], span[1]).length
      const before: [string, string] = [shifted(span[0], -length), shifted(span[0], -1)]
      if (before[0] >= whole[0]) by('before', `The period before (${period(before.join('/'))})`, { period: before.join('/') })
      const year: [string, string] = [shifted(span[0], -12), shifted(span[1], -12)]
      if (year[0] >= whole[0] && length !== 12) by('year', `A year before (${period(year.join('/'))})`, { period: year.join('/') })
      if (length > 1) {
        const half = Math.floor(length / 2)
        by('first-half', `Its first half (${period(`${span[0]}/${shifted(span[0], half - 1)}`)})`, { period: `${span[0]}/${shifted(span[0], half - 1)}` })
        by('second-half', `Its second half (${period(`${shifted(span[1], 1 - half)}/${span[1]}`)})`, { period: `${shifted(span[1], 1 - half)}/${span[1]}` })
      }
    }
    const lens = app.main?.collection.provenance?.lens ?? 'reported'
    const next = lens === 'reported' ? 'police_generated' : 'reported'
    const { groups: _groups, ...select } = ask.select ?? {}
    const through: api.Ask = { ...ask, title: undefined as never, select: { ...select, lens: next } }
    found.push(['lens', `The other lens: ${LENS[next].title}${_groups?.length ? ', all its offences' : ''}`, { layer: '', run: '', ask: app.whole ? alike(through, app.whole) : through }])
  }
  const made = app.collections.filter(isOwn).slice(-OFFERED)
  for (const c of app.collections) if (!isGround(c) && c.id !== app.main?.collection.id && (!isAnalysis(c) || made.includes(c) || c.id === app.state.other?.layer)) found.push([`layer ${c.id}`, c.title, { layer: c.id, run: '', ask: isAnalysis(c) ? c.provenance?.request ?? null : null }])
  return found
}

function drawComparison(): void {
  const all = sides()
  const now = app.state.other
  const known = now ? all.find(([, , s]) => (s.layer && s.layer === now.layer) || (now.ask && s.ask && same(s.ask, now.ask)))?.[0] ?? 'own' : ''
  const chooser = select([['', 'Nothing'], ...all.map(([v, l]) => [v, l] as const), ...(known === 'own' ? [['own', app.other?.collection.title ?? 'Another layer'] as const] : [])], known, (v) => {
    if (v === 'own') return
    // Whoever looks at a part goes on looking at it.
    refit = maps[0]?.holds(whole()) ?? false
    change({ other: all.find(([value]) => value === v)?.[2] ?? null })
  })
  chooser.dataset['keep'] = 'compare'
  redraw(comparison, field('Side by side with', chooser, 'One pan and zoom moves both, and both are smoothed alike. Two lenses are shown apart, never added.'))
}

// ---------------------------------------------------------------- replay

let playing = 0

function drawTime(): void {
  const ask = app.state.ask ?? app.whole?.ask
  const whole = reach()
  if (!ask || !whole || !app.computes) { show(time); return }
  const { month: now, span } = app.state
  const all = months(shifted(whole[0], span - 1), whole[1])
  const at = now ? Math.max(0, all.indexOf(now)) : all.length - 1
  const says = h('output', null, now ? period(`${shifted(now, 1 - span)}/${now}`) : `Whole period: ${period(app.whole?.collection.provenance?.period)}`)
  const slider = h('input', { type: 'range', 'data-keep': 'slider', min: 0, max: all.length - 1, step: 1, 'aria-label': 'Month that is replayed', 'aria-valuetext': now ? month(now) : 'whole period' })
  slider.value = String(at)
  slider.addEventListener('input', () => {
    const m = all[Number(slider.value)]!
    says.textContent = period(`${shifted(m, 1 - span)}/${m}`)
    slider.setAttribute('aria-valuetext', month(m))
    clearTimeout(sliding)
    sliding = window.setTimeout(() => change({ month: m, pick: '' }), 200)
  })
  const step = (): void => {
    const i = app.state.month ? all.indexOf(app.state.month) : -1
    if (i + 1 >= all.length) { stop(); return }
    change({ month: all[i + 1]!, pick: '' })
  }
  const stop = (): void => { playing = 0; drawTime() }
  const play = h('button', { onclick: () => {
    if (playing) { stop(); return }
    playing = 1
    if (app.state.month === all.at(-1)) app.state = { ...app.state, month: '' }
    step()
  }, 'data-keep': 'play', 'aria-label': playing ? 'Stop the replay' : 'Replay month by month' }, playing ? 'Stop' : 'Replay')
  onShown = () => { if (playing) setTimeout(() => void beside.shown.then(() => { if (playing) step() }), 900) }
  redraw(time, play, slider, says,
    (() => { const s = select([['1', 'each month'], ['3', '3 months up to'], ['6', '6 months up to'], ['12', '12 months up to']], String(span), (v) => change({ span: Number(v), ...(app.state.month ? { month: app.state.month < shifted(whole[0], Number(v) - 1) ? shifted(whole[0], Number(v) - 1) : app.state.month } : {}) })); s.setAttribute('aria-label', 'Months of a step'); s.dataset['keep'] = 'span'; return s })(),
    // Not disabled: that would lose the focus.
    h('button', { 'aria-disabled': now ? null : 'true', 'data-keep': 'whole', onclick: () => { clearTimeout(sliding); if (!app.state.month) { drawTime(); return } playing = 0; change({ month: '', pick: '' }) } }, 'Whole period'))
}
/** The step of the replay that is asked for when the slider rests. */
let sliding = 0
let onShown: () => void = () => undefined

// ---------------------------------------------------------------- drawing

function drawHeadline(): void {
  const { main, other } = app
  if (!main) return
  const p = main.collection.provenance
  const badge = (l: Loaded): HTMLElement | null => {
    const lens = l.collection.provenance?.lens
    return lens ? h('span', { class: `badge ${lens}`, title: LENS[lens].meaning }, LENS[lens].title) : null
  }
  // That counts are small is to be read first.
  const caveats = bySide(main, other, (l) => l.collection.provenance?.caveats ?? []).sort((a, b) => Number(isSmall(b)) - Number(isSmall(a)))
  show(headline,
    h('div', { class: 'headline-row' }, badge(main), markings(explained()).map((m) => h('span', { class: 'badge marking' }, m)),
      app.state.month ? h('span', { class: 'badge' }, `Replay: ${period(`${shifted(app.state.month, 1 - app.state.span)}/${app.state.month}`)}`) : null),
    h('h1', null, main.collection.title),
    h('p', { class: 'summary' }, main.collection.description ?? ''),
    p?.lens === 'police_generated' ? h('p', { class: 'caveat-line' }, LENS.police_generated.meaning) : null,
    caveats.length ? h('details', { class: 'caveat-line' }, h('summary', null, `${many(caveats.length, 'caveat')}: ${caveats[0]}`), h('ul', null, caveats.slice(1).map((c) => h('li', null, c)))) : null,
    unlike(main, other) ? h('p', { class: 'caveat-line' }, `${unlike(main, other)}.`) : null,
    other && other.collection.provenance?.lens !== p?.lens ? h('p', { class: 'caveat-line' }, 'Two lenses side by side: the one shows reports, the other police activity. They are not to be added or subtracted.') : null)
  const label = (n: number, l: Loaded | null): void => {
    const box = frames[n]
    if (!box) return
    box.querySelector('.frame-label')?.remove()
    if (l && app.other) box.prepend(h('div', { class: 'frame-label' }, badge(l), h('strong', null, period(l.collection.provenance?.period)), h('span', { class: 'frame-title' }, ` ${l.collection.title}`),
      l.page.features.length ? null : h('p', { class: 'frame-empty' }, `Nothing to show here. ${reason(l)}`)))
  }
  label(0, main)
  label(1, other)
  document.title = `${main.collection.title} – Isopleth`
}

function drawAside(): void {
  const { main, picked } = app
  if (!main) return
  const scrolled = aside.scrollTop
  if (picked) {
    const loaded = ofLayer(picked.layer) ?? main
    show(aside, sheet(loaded, picked.feature, () => {
      const back = picked.feature.id
      change({ pick: '' })
      queueMicrotask(() => aside.querySelector<HTMLElement>(`[data-id="${CSS.escape(back)}"]`)?.focus())
    }))
    aside.scrollTop = 0
    return
  }
  const shown = listed() ?? main
  redraw(aside, bothSides(), h('h2', null, shown.kind === 'hotspots' ? 'Ranked hotspots' : shown.kind === 'repeats' ? 'Ranked locations' : ['cells', 'significant', 'emerging'].includes(shown.kind) ? 'Ranked cells' : 'Features',
    h('small', null, ` ${count(shown.page.numberMatched)}`)), list(shown, (id) => pick(shown.collection.id, id)))
  aside.scrollTop = scrolled
}

/** Which side of a comparison is listed, and said by the table. */
function bothSides(): HTMLElement | null {
  const { main, other } = app
  if (!main || !other) return null
  return h('div', { class: 'sides', role: 'group', 'aria-label': 'Side that is listed' }, ([['main', 'First map', main], ['other', 'Second map', other]] as const).map(([side, title, l]) => {
    const { lens, period: dates } = l.collection.provenance ?? {}
    // In what it differs from the other.
    const differs = [
      lens && main.collection.provenance?.lens !== other.collection.provenance?.lens ? LENS[lens].title : '',
      main.collection.provenance?.period !== other.collection.provenance?.period ? period(dates) : '',
    ].filter(Boolean)
    return h('button', { 'aria-pressed': String(l === listed()), 'data-keep': `side-${side}`, onclick: () => change({ listed: side }) },
      h('strong', null, title), h('small', null, differs.join(' · ') || l.collection.title))
  }))
}

function drawMaps(): void {
  const over = app.state.on.map((n) => app.over.get(n)).filter(isLoaded)
  const sides = [app.main, app.other]
  for (const [n, map] of maps.entries()) {
    const main = sides[n] ?? null
    const under = n === 0 ? over : over.filter((l) => isGroundKind(l.kind))
    map.set({ main, over: under, numbers: main ? numbered(main) : [], picked: app.picked && (app.picked.layer === main?.collection.id || (n === 0 && app.picked.layer !== app.other?.collection.id)) ? app.picked.feature : null })
  }
  const shown = explained(over)
  show(legend, h('summary', null, 'Legend'), legends(shown), h('p', { class: 'quiet' }, note(shown)))
}

function numbered(loaded: Loaded): Numbered[] {
  if (!['hotspots', 'repeats'].includes(loaded.kind)) return []
  return loaded.page.features.flatMap((f) => (f.geometry && typeof f.properties['rank'] === 'number' ? [{ id: f.id, rank: f.properties['rank'], at: summit(f.geometry), middle: labelPlace(f.geometry) }] : []))
}

function drawTable(): void {
  const on = app.state.view === 'table'
  tableBox.hidden = !on
  document.querySelector('.view-button')!.textContent = on ? 'Map' : 'Table'
  const shown = on ? listed() : null
  if (shown && shown === tabled) {
    // Whoever has turned the pages stays where they are.
    for (const row of tableBox.querySelectorAll<HTMLElement>('tr[data-id]')) row.ariaCurrent = row.dataset['id'] === app.picked?.feature.id ? 'true' : null
    return
  }
  tabled = shown
  if (shown) show(tableBox, table(shown, (id) => pick(shown.collection.id, id)))
  else show(tableBox)
}
/** What the table says. */
let tabled: Loaded | null = null

function drawAll(): void {
  drawHeadline()
  drawAside()
  drawMaps()
  drawTable()
  drawTime()
  drawComparison()
  drawSwitches()
  keepAddress()
  onShown()
}

/** The box of what is shown. */
function whole(): api.Bbox | null {
  return app.main?.collection.extent.spatial?.bbox[0] ?? around(app.collections.filter((c) => kind(c) === 'areas').flatMap((c) => c.extent.spatial?.bbox ?? []))
}

function fit(): void {
  const box = whole()
  if (box) maps[0]?.fit(box)
}

let pending = 0
/** Whether the address says where the map is to be, so that the whole of a layer is not looked for. */
let placed = false
/** What the address was last written from. */
let kept: State | null = null
function keepAddress(): void {
  clearTimeout(pending)
  pending = window.setTimeout(() => {
    const hash = toHash(app.state)
    const stepped = kept !== null && step(kept) !== step(app.state)
    kept = app.state
    if (hash === location.hash) return
    if (stepped) history.pushState(null, '', hash)
    else history.replaceState(null, '', hash)
  }, 50)
}

onChange((changes) => {
  keepAddress()
  const asked = 'layer' in changes || 'run' in changes || 'ask' in changes
  if (asked) playing = 0
  if (asked || 'month' in changes || 'span' in changes) {
    void showMain(asked && !placed).then(async () => {
      if (asked) { adopt(); await refresh(); panel(question) }
      await showOver()
    })
  } else {
    if ('on' in changes) void showOver().then(() => { drawHeadline(); drawMaps() })
    if ('pick' in changes) void pickUp().then(drawPicked)
  }
  if ('other' in changes || (app.state.other && beside.step !== replayStep(app.state))) showOther()
  if ('listed' in changes && !('pick' in changes)) drawAside()
  if ('view' in changes || 'listed' in changes) drawTable()
})

function drawPicked(): void {
  drawAside()
  drawMaps()
  if (app.state.view === 'table') drawTable()
  if (!app.picked?.feature.geometry) return
  const box = boxOf(app.picked.feature.geometry)
  const now = maps[0]?.bounds
  if (now && (box[0] < now[0] || box[1] < now[1] || box[2] > now[2] || box[3] > now[3])) maps[0]?.fit(box, 15)
  document.querySelector<HTMLElement>('#sheet-title')?.focus()
}

/** Analyses come and go: the list of layers is read again. */
async function refresh(): Promise<void> {
  try {
    app.collections = await detailed(await api.collections())
  } catch {
    // The list that was read stays.
  }
}

async function detailed(list: api.Collection[]): Promise<api.Collection[]> {
  return Promise.all(list.map(async (c) => (isGround(c) || (isAnalysis(c) && !isOwn(c)) ? c : api.collection(c.id, c.run).catch(() => c))))
}

// ---------------------------------------------------------------- the maps

async function makeMap(n: number): Promise<void> {
  const { MapView } = await import('./map')
  const box = frames[n]!
  const { at } = app.state
  const first = at ? { zoom: at[0], lat: at[1], lon: at[2] } : whole() ?? { zoom: 5.3, lat: 52.8, lon: -1.6 }
  const view = new MapView(box.querySelector<HTMLElement>('.canvas')!, n === 0 ? 'Map' : 'Map of the other side', n === 0 ? first : maps[0]!.camera, basemap)
  view.hint = (hit) => line(hit.properties)
  view.onPick = (hits, at) => {
    if (view.measuring) measure?.add(at)
    else if (hits[0]) pick(hits[0].layer, hits[0].id)
  }
  view.onMove = (to) => {
    for (const map of maps) {
      if (map === view || syncing) continue
      syncing = true
      map.jump(to)
      syncing = false
    }
    if (n === 0) {
      app.state = { ...app.state, at: [to.zoom, to.lat, to.lon] }
      keepAddress()
    }
  }
  view.onIdle = () => {
    box.dataset['settled'] = 'true'
    // Somebody moves the map: tiles that are gone say nothing, they are only missing.
    if (performance.now() - looked > LOOK_AT_MOST) void lookAgain()
  }
  view.onNoGround = () => notice('basemap', 'The background map cannot be had. The layers are there without it.')
  view.measuring = maps[0]?.measuring ?? false
  maps[n] = view
}
let syncing = false

/** Whether what was given up was asked for so lately that it is not asked for again. */
let renewed = false

/** Results that the service has given up, because others were made, are computed again. */
async function renew(): Promise<void> {
  if (renewed) return
  renewed = true
  setTimeout(() => { renewed = false }, LOOK_AGAIN)
  api.forget()
  for (const name of app.over.keys()) if (isDerived(name)) app.over.delete(name)
  await showMain(false)
  await showOver()
  if (app.state.other) showOther()
  await beside.shown
  for (const map of maps) map.reload()
}

function layoutMaps(): void {
  const two = Boolean(app.other)
  // The legend would hide most of the one side.
  if (two && !frames[1]) legend.open = false
  mapsBox.classList.toggle('two', two)
  if (two && !frames[1]) {
    const box = h('div', { class: 'frame' }, h('div', { class: 'canvas' }))
    frames.push(box)
    mapsBox.append(box)
    if (maps[0]) void makeMap(1).then(() => { drawHeadline(); drawMaps(); layoutMaps() })
  } else if (!two && frames[1]) {
    maps[1]?.remove()
    maps.length = Math.min(maps.length, 1)
    frames[1].remove()
    frames.length = 1
  }
  requestAnimationFrame(() => {
    for (const map of maps) map.resize()
    // The labels of two sides take room, which is known when both are there.
    if (refit && (!app.state.other || (app.other && maps[1]))) {
      fit()
      refit = false
    }
  })
}

function drawBar(): void {
  const home = h('button', { onclick: fit, title: 'The whole layer' }, 'Whole layer')
  const ruler = h('button', { onclick: async () => {
    const map = maps[0]
    if (!map) return
    const { measuring } = await import('./tools')
    const m = measuring(maps, () => { measure = null; drawBar(); bar.querySelector<HTMLElement>('button:last-of-type')?.focus() })
    measure = m
    show(bar, m.bar)
    m.bar.querySelector('button')?.focus()
  } }, 'Measure')
  show(bar, home, ruler)
}

/** Without WebGL the service draws the picture. */
function pictured(error: unknown): void {
  const box = app.main?.collection.extent.spatial?.bbox[0]
  const area = frames[0]!.querySelector('.canvas')!
  show(area, box && app.main ? h('img', { class: 'still', alt: `Map of ${app.main.collection.title}`, src: api.picture(app.main.collection.id, app.main.run, box, 1000) }) : null)
  notice('gl', `This browser cannot draw the map (${error instanceof Error ? error.message.split('\n')[0]?.slice(0, 120) : 'no WebGL'}). A still picture is shown; list, table and downloads work.`)
}

// ---------------------------------------------------------------- start

async function start(): Promise<void> {
  // Nothing that would move is seen before it has its place.
  document.documentElement.classList.add('starting')
  frame()
  api.onReach((reachable) => {
    if (!reachable) notice('reach', 'The service cannot be reached. What is shown stays; it is asked again every two seconds.')
    else {
      notice('reach')
      api.forget()
      say('The service is back')
      for (const map of maps) map.reload()
      if (!app.main) void first()
      else void refresh().then(() => showMain(false))
    }
  })
  // The address is another one already, and is read in a moment: what was to be written belongs to the one before.
  window.addEventListener('popstate', () => clearTimeout(pending))
  window.addEventListener('hashchange', () => {
    // "#list" is a place of the page.
    if (!location.hash.includes('=')) return
    const { at, ...next } = fromHash(location.hash)
    const text = (value: unknown): string => JSON.stringify(value)
    const differs = Object.entries(next).filter(([key, value]) => text(value) !== text(app.state[key as keyof State]))
    if (differs.some(([key]) => ['layer', 'run', 'ask', 'pick'].includes(key))) app.picked = null
    placed = at !== null
    if (next.other && !at) refit = true
    const read = aside.contains(document.activeElement) ? app.state.pick : ''
    if (differs.length) change(Object.fromEntries(differs))
    placed = false
    if (read && !next.pick) setTimeout(() => aside.querySelector<HTMLElement>(`[data-id="${CSS.escape(read)}"]`)?.focus(), 50)
    kept = app.state
    if (at && text(at) !== text(app.state.at)) maps[0]?.jump({ zoom: at[0], lat: at[1], lon: at[2] })
  })
  // What is printed must be there before the browser goes on: nothing can be waited for then.
  let paper: typeof import('./print') | null = null
  window.addEventListener('beforeprint', () => paper?.beforePrint(maps))
  window.addEventListener('afterprint', () => paper?.afterPrint())
  setTimeout(() => void import('./print').then((p) => { paper = p }, () => undefined), 3000)
  aside.addEventListener('keydown', (event) => {
    if (event.key === 'Escape' && app.state.pick) aside.querySelector<HTMLElement>('.back')?.click()
  })
  document.addEventListener('visibilitychange', () => void lookAgain())
  setInterval(() => void lookAgain(), LOOK_AGAIN)
  await first()
}

/** What lies below the first view: the boundaries that are not too many, and the latest streets. */
function firstGround(): api.Collection[] {
  const streets = app.collections.filter((c) => kind(c) === 'streets').sort((a, b) => (a.id < b.id ? -1 : 1))
  return [...app.collections.filter((c) => kind(c) === 'areas' && c.features <= 2000), ...streets.slice(-1)]
}

let looked = 0

/** Looks whether the data have changed or a result was given up, while somebody looks at the page. */
async function lookAgain(): Promise<void> {
  const { main, state } = app
  if (document.hidden || !main) return
  looked = performance.now()
  const made = everything().filter((l) => isAnalysis(l.collection))
  const gone = await Promise.all(made.map((l) => api.present(l.collection.id).then(() => false, (error: unknown) => error instanceof api.Refusal && [404, 410].includes(error.status))))
  if (main !== app.main) return
  if (gone.includes(true)) { await renew(); return }
  if (made.includes(main) || state.month) return
  try {
    if (await api.present(main.collection.id) === main.collection.run || main !== app.main) return
    api.forget()
    await refresh()
    await showMain(false)
  } catch {
    // Whoever asks for something is told.
  }
}

async function first(): Promise<void> {
  // The largest file is on its way while the data are read.
  void import('./map').catch(() => undefined)
  try {
    const [collections, process] = await Promise.all([api.collections(), api.process()])
    app.collections = await detailed(collections)
    app.computes = process !== null
  } catch (error) {
    show(aside, h('div', { class: 'notice', role: 'alert' }, h('p', null, api.words(error)), h('button', { onclick: () => void first() }, 'Try again')))
    return
  }
  const layers = app.collections.filter((c) => !isGround(c))
  if (!app.state.layer && !app.state.ask) {
    const best = layers.find((c) => kind(c) === 'hotspots' && c.features > 0) ?? layers[0]
    if (!best) {
      show(headline, h('h1', null, 'No layer yet'))
      show(aside, h('div', { class: 'notice' }, h('p', null, 'This service has no saved layer. Save one with ', h('code', null, 'isopleth layer add'), ', and it appears here by itself.')))
      drawSwitches()
      document.documentElement.classList.remove('starting')
      return
    }
    app.state = { ...app.state, layer: best.id, run: best.run }
  }
  if (!location.hash.includes('on=')) app.state = { ...app.state, on: firstGround().map((c) => c.id) }
  await Promise.all([showMain(false), readOver()])
  adopt()
  panel(question)
  document.documentElement.classList.remove('starting')
  if (!maps[0]) {
    try {
      await makeMap(0)
      drawBar()
    } catch (error) {
      pictured(error)
    }
  }
  drawMaps()
  void showOver()
  if (app.state.other) { refit = app.state.at === null; showOther() }
  else drawComparison()
  void readAreas().then(() => { adopt(); panel(question) })
  const { search } = await import('./tools')
  show(document.querySelector('.search-slot')!, search(() => maps, (layer, f) => pick(layer, f.id)))
}

void start()
