/** What the parts of the page share: the state, and what was read for it. */

import * as api from './api'
import { type Derived, DERIVED, isGroundKind, kind, kindOfAsk, order, same } from './kinds'
import type { Layer } from './map'
import { fromHash, initial, type Shown, type State } from './state'

/** Features of a page of the list. */
export const LISTED = 100

/** A layer with the first features of its list. */
export interface Loaded extends Layer { page: api.Page; ask: api.Ask | null }

export function isLoaded(what: unknown): what is Loaded {
  return typeof what === 'object' && what !== null && 'collection' in what
}

export interface App {
  state: State
  collections: api.Collection[]
  /** Whether the service computes what it is asked. */
  computes: boolean
  main: Loaded | null
  /** The same of its whole period, where a month of it is replayed. */
  whole: Loaded | null
  other: Loaded | null
  /** What is switched on, by the name in the state; an error where it cannot be had. */
  over: Map<string, Loaded | Error | 'coming'>
  picked: { layer: string; feature: api.Feature } | null
}

export const app: App = {
  state: location.hash.length > 1 ? fromHash(location.hash) : { ...initial },
  collections: [], computes: false, main: null, whole: null, other: null, over: new Map(), picked: null,
}

/** Tells all parts what has changed. */
type Listener = (changes: Partial<State>) => void
const listeners: Listener[] = []
export function onChange(listener: Listener): void {
  listeners.push(listener)
}
export function change(changes: Partial<State>): void {
  app.state = { ...app.state, ...changes }
  for (const listener of listeners) listener(changes)
}

/** Reads what is to be shown. A result that was given up is computed anew: the same request on the same data is the same run. */
export async function load(shown: Shown, progress?: (job: api.Job) => void, signal?: AbortSignal): Promise<Loaded> {
  let { layer, run } = shown
  if (!layer && shown.ask) ({ layer, run } = await api.analyse(shown.ask, progress, signal))
  try {
    return await read(layer, run)
  } catch (error) {
    if (!(error instanceof api.Refusal) || !shown.ask || ![404, 410].includes(error.status)) throw error
    api.unmake(shown.ask)
    const made = await api.analyse(shown.ask, progress, signal)
    return read(made.layer, made.run)
  }
}

async function read(layer: string, run: string): Promise<Loaded> {
  const collection = await api.collection(layer)
  const pinned = run || collection.run
  const sort = kind(collection)
  // The shapes of areas and streets come as tiles; here only their number is needed.
  const limit = isGroundKind(sort) && sort !== 'sites' ? 1 : LISTED
  const [style, page] = await Promise.all([api.style(layer, pinned), api.items(layer, { run: pinned, limit, sortby: order(collection) })])
  return { collection, run: pinned, kind: sort, style, page, ask: collection.provenance?.request ?? null }
}

/** The same question put in another way, smoothed as the layer is: with a bandwidth of its own each answer would have other sizes. */
export function alike(ask: api.Ask, { collection: { provenance } }: Loaded): api.Ask {
  const bandwidth = provenance?.resolved?.['bandwidth_m']
  const chosen = ask.method.name === 'kernel_density' && typeof ask.method['bandwidth_m'] !== 'number' && (ask.method['adaptive'] ?? 'none') === 'none'
  return chosen && typeof bandwidth === 'number' ? { ...ask, method: { ...ask.method, bandwidth_m: bandwidth } } : ask
}

/** All that is on the maps. */
export function everything(): Loaded[] {
  return [app.main, app.other, ...app.over.values()].filter(isLoaded)
}

/** The side of a comparison that is listed; the only one where nothing is compared. */
export function listed(): Loaded | null {
  return app.state.listed === 'other' && app.other ? app.other : app.main
}

/** A derived layer of a request: a saved layer that says the same, or else an analysis. */
export async function derive(name: Derived, ask: api.Ask, progress?: (job: api.Job) => void): Promise<Loaded> {
  const wanted = DERIVED[name].of(ask)
  for (const c of app.collections) {
    const request = c.provenance?.request
    if (request && kindOfAsk(request) === name && same(request.select, wanted.select)) return load({ layer: c.id, run: '', ask: null })
  }
  return load({ layer: '', run: '', ask: wanted }, progress)
}
