/** The public API of the service, and nothing else of it. */

export interface Link { rel: string; type?: string; title?: string; href: string }

export interface Column { name: string; kind: 'boolean' | 'integer' | 'real' | 'text' | 'date'; unit?: string; meaning: string }

/** A request document. The page changes only what it knows and keeps the rest. */
export interface Ask {
  title?: string
  select?: {
    area?: string | string[] | { codes: string[]; kind?: string; vintage?: string }
    period?: string
    groups?: string[]
    lens?: Lens
    record_sources?: string[]
    [other: string]: unknown
  }
  method: { name: string; [parameter: string]: unknown }
  hotspots?: Record<string, unknown>
  contours?: Record<string, unknown>
  marking?: string
  [other: string]: unknown
}

export type Lens = 'reported' | 'police_generated'

export interface Provenance {
  run?: string
  request?: Ask
  lens?: Lens
  lens_title?: string
  groups?: string[]
  period?: string
  data_cut_off?: string
  data_revision?: string
  engine?: string
  policy?: string
  plane?: string
  period_rule?: string
  record_sources?: Record<string, number>
  records?: { selected?: number; outside_study_area?: number; without_location?: number; of_unknown_offence?: number }
  study_area?: { areas?: { code: string; name: string; boundary: string }[]; area_m2?: number }
  resolved?: Record<string, unknown>
  caveats?: string[]
  marking?: string | null
  [other: string]: unknown
}

export interface Collection {
  id: string
  title: string
  description?: string
  links: Link[]
  extent: { spatial?: { bbox: Bbox[] }; temporal?: { interval: [string | null, string | null][] } }
  geometry: string
  run: string
  features: number
  outdated?: boolean
  outdated_reason?: string
  columns?: Column[]
  provenance?: Provenance
}

export type Bbox = [number, number, number, number]
export type Value = string | number | boolean | null
export interface Feature { id: string; geometry: Geometry | null; properties: Record<string, Value> }
export interface Geometry { type: string; coordinates: unknown }
export interface Page { numberMatched: number; numberReturned: number; features: Feature[]; links: Link[]; run: string }
export interface LegendClass { label: string; colour: string }
export interface Style {
  layers: { id: string; type: string; paint?: Record<string, unknown>; layout?: Record<string, unknown>; filter?: unknown; [m: string]: unknown }[]
  metadata?: { 'isopleth:legend'?: LegendClass[] }
}

/** Where the service is: the folder of this page. */
export const base = new URL('.', location.href).href.replace(/\/$/, '')

/** What the service refused or failed to do, in its own words. */
export class Refusal extends Error {
  constructor(readonly status: number, readonly code: string, message: string) {
    super(message)
  }
}

/** The service could not be reached. */
export class Unreachable extends Error {}

type Watcher = (reachable: boolean) => void
const watchers: Watcher[] = []
let reachable = true

/** Tells when the service goes and comes back. */
export function onReach(watcher: Watcher): void {
  watchers.push(watcher)
}

function tell(now: boolean): void {
  if (now === reachable) return
  reachable = now
  for (const watcher of watchers) watcher(now)
  if (!now) probe()
}

/** Asks until the service answers again. */
function probe(): void {
  setTimeout(() => {
    fetch(`${base}/healthz`, { cache: 'no-store' }).then(
      (answer) => (answer.ok ? tell(true) : probe()),
      () => probe(),
    )
  }, 2000)
}

/** Something else found the service gone: the tiles of the map. */
export function suspect(): void {
  fetch(`${base}/healthz`, { cache: 'no-store' }).then(() => tell(true), () => tell(false))
}

async function send(path: string, init: RequestInit = {}): Promise<Response> {
  const url = /^https?:/.test(path) ? path : base + path
  const headers = { Accept: 'application/json, application/geo+json', ...(init.headers ?? {}) }
  let answer: Response
  try {
    answer = await fetch(url, { ...init, headers })
  } catch (error) {
    if (init.signal?.aborted) throw error
    tell(false)
    throw new Unreachable('the service cannot be reached')
  }
  // A proxy says so where there is nobody behind it.
  if (answer.status === 502 || answer.status === 504) {
    tell(false)
    throw new Unreachable('the service cannot be reached')
  }
  tell(true)
  if (answer.ok) return answer
  const problem: { code?: string; title?: string; detail?: string } = await answer.json().catch(() => ({}))
  throw new Refusal(answer.status, problem.code ?? '', problem.detail ?? problem.title ?? `status ${answer.status}`)
}

async function json<T>(path: string, init?: RequestInit): Promise<T> {
  return (await send(path, init)).json() as Promise<T>
}

const seg = encodeURIComponent

function query(parameters: Record<string, string | number | undefined>): string {
  const given = Object.entries(parameters).filter(([, v]) => v !== undefined && v !== '')
  return given.length ? `?${new URLSearchParams(given.map(([k, v]) => [k, String(v)]))}` : ''
}

/** What there is to read. */
export async function collections(): Promise<Collection[]> {
  return (await json<{ collections: Collection[] }>('/collections')).collections
}

const known = new Map<string, Promise<Collection>>()

/** A collection with its columns and provenance; read anew where its present run is another. */
export async function collection(id: string, run?: string): Promise<Collection> {
  let found = known.get(id)
  if (!found || (run && (await found).run !== run)) {
    found = json<Collection>(`/collections/${seg(id)}`)
    found.catch(() => known.delete(id))
    known.set(id, found)
  }
  return found
}

/** The present run of a collection, whatever was read before. */
export async function present(id: string): Promise<string> {
  return (await json<Collection>(`/collections/${seg(id)}`)).run
}

/** Forgets what was read, for it may have changed. */
export function forget(): void {
  known.clear()
  styles.clear()
}

export interface Selection { run?: string; limit?: number; offset?: number; filter?: string; bbox?: string; datetime?: string; sortby?: string }

/** Features, page by page. */
export function items(id: string, selection: Selection = {}): Promise<Page> {
  return json(`/collections/${seg(id)}/items${query({ ...selection })}`, {
    headers: { Accept: 'application/geo+json' },
  })
}

/** One feature. */
export function item(id: string, feature: string, run?: string): Promise<Feature> {
  return json(`/collections/${seg(id)}/items/${seg(feature)}${query({ run })}`, {
    headers: { Accept: 'application/geo+json' },
  })
}

const styles = new Map<string, Promise<Style>>()

/** How a collection is drawn. */
export function style(id: string, run?: string): Promise<Style> {
  const path = `/collections/${seg(id)}/styles/maplibre${query({ run })}`
  let found = styles.get(path)
  if (!found) {
    found = json<Style>(path, { headers: { Accept: 'application/json' } })
    found.catch(() => styles.delete(path))
    styles.set(path, found)
  }
  return found
}

/** Address of the tiles of a collection. */
export function tiles(id: string, run: string): string {
  return `${base}/tiles/${seg(id)}/{z}/{x}/{y}.mvt${query({ run })}`
}

/** Address of a file of a run. */
export function file(id: string, run: string, ending: string, selection: Selection = {}): string {
  return `${base}/collections/${seg(id)}/files/${seg(run)}.${ending}${query({ ...selection })}`
}

/** Address of a picture of a map. */
export function picture(id: string, run: string, bbox: Bbox, width: number): string {
  // In the projection of the map; the height follows from the box.
  return `${base}/collections/${seg(id)}/map${query({ run, bbox: bbox.join(','), crs: 'http://www.opengis.net/def/crs/EPSG/0/3857', width })}`
}

export interface Job {
  jobID: string
  status: 'accepted' | 'running' | 'successful' | 'failed' | 'dismissed'
  message?: string
  progress?: number
  links?: Link[]
}

/** Whether the service computes what it is asked, and the schema of what it may be asked. */
export async function process(): Promise<{ title: string; inputs?: Record<string, { schema: unknown }> } | null> {
  try {
    return await json('/processes/analyse')
  } catch (error) {
    if (error instanceof Refusal) return null
    throw error
  }
}

const made = new Map<string, Promise<Made>>()

/** A result that is kept as a collection of its own. */
export interface Made { layer: string; run: string }

/** Has a request computed. The same request is asked for once. */
export function analyse(ask: Ask, progress?: (job: Job) => void, signal?: AbortSignal): Promise<Made> {
  const key = JSON.stringify(ask)
  let result = made.get(key)
  if (!result) {
    result = execute(ask, progress, signal)
    result.catch(() => made.delete(key))
    made.set(key, result)
  }
  return result
}

/** Forgets that a request was computed, for its result is gone. */
export function unmake(ask: Ask): void {
  made.delete(JSON.stringify(ask))
}

async function execute(ask: Ask, progress?: (job: Job) => void, signal?: AbortSignal): Promise<Made> {
  // Not given up when it is called off: a job that nobody knows of would go on.
  const answer = await send('/processes/analyse/execution', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Prefer: 'respond-async' },
    body: JSON.stringify({ inputs: { request: ask }, response: 'document' }),
  })
  let job = (await answer.json()) as Job
  let pause = 60
  while (job.status === 'accepted' || job.status === 'running') {
    progress?.(job)
    await wait(pause, signal)
    pause = Math.min(pause * 1.6, 1000)
    if (!signal?.aborted) job = await patiently(job)
    if (signal?.aborted) break
  }
  if (signal?.aborted) {
    await send(`/jobs/${seg(job.jobID)}`, { method: 'DELETE' }).catch((error: unknown) => {
      // What is gone already cannot be called off, and need not be.
      if (!(error instanceof Refusal && [404, 410].includes(error.status))) throw new Error(`It could not be called off, and may go on at the service. ${words(error)}`)
    })
    signal.throwIfAborted()
  }
  if (job.status === 'dismissed') throw new Refusal(410, 'dismissed', 'the analysis was called off')
  if (job.status === 'failed') throw new Refusal(422, 'failed', job.message ?? 'the analysis failed')
  const results = await json<{ layer: { href: string } }>(`/jobs/${seg(job.jobID)}/results`)
  const layer = decodeURIComponent(new URL(results.layer.href).pathname.split('/collections/')[1]?.split('/')[0] ?? '')
  const { run } = await collection(layer)
  return { layer, run }
}

/** The state of a job, however often the service is gone in between. */
async function patiently(job: Job): Promise<Job> {
  try {
    return await json<Job>(`/jobs/${seg(job.jobID)}`)
  } catch (error) {
    if (error instanceof Unreachable) return job
    throw error
  }
}

/** Ends after this time, or when it is called off. */
function wait(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, milliseconds)
    if (signal?.aborted) end()
    else signal?.addEventListener('abort', end, { once: true })
  })
}

/** An error in words for the place where it happened. */
export function words(error: unknown): string {
  if (error instanceof Unreachable) return 'The service cannot be reached. What is on the page stays; it goes on when the service is back.'
  if (error instanceof Refusal) return `${error.message.charAt(0).toUpperCase()}${error.message.slice(1)}.`.replace('..', '.')
  return error instanceof Error ? error.message : String(error)
}
