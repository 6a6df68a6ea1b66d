/** What is shown: one object, kept in the fragment of the address, which never reaches a server. */

import type { Ask } from './api'

/** A layer, the run of it that is shown, and the request that made it where no saved layer did. */
export interface Shown { layer: string; run: string; ask: Ask | null }

export interface State extends Shown {
  /** The other side of a comparison. */
  other: Shown | null
  /** What is switched on above and below it: ids of collections, and names of derived layers. */
  on: string[]
  /** The feature whose facts are read. */
  pick: string
  /** The side of a comparison whose features are listed. */
  listed: 'main' | 'other'
  /** The month that is replayed, none for the whole period. */
  month: string
  /** How many months a step of the replay holds. */
  span: number
  /** Zoom, latitude, longitude. */
  at: [number, number, number] | null
  /** Whether the map is shown, or the table that says the same in its place. */
  view: 'map' | 'table'
}

export const initial: State = {
  layer: '', run: '', ask: null, other: null, on: [], pick: '', listed: 'main', month: '', span: 1, at: null, view: 'map',
}

export function toHash(state: State): string {
  const parts: [string, string][] = []
  const put = (name: string, text: string): void => {
    if (text) parts.push([name, text])
  }
  put('layer', state.layer)
  put('run', state.run)
  put('ask', state.ask ? JSON.stringify(state.ask) : '')
  if (state.other) {
    put('with', state.other.layer)
    put('with-run', state.other.run)
    put('with-ask', state.other.ask ? JSON.stringify(state.other.ask) : '')
  }
  put('on', state.on.join(','))
  put('pick', state.pick)
  put('list', state.listed === 'main' ? '' : state.listed)
  put('month', state.month)
  put('span', state.span === 1 ? '' : String(state.span))
  put('view', state.view === 'map' ? '' : state.view)
  put('at', state.at ? [state.at[0].toFixed(2), state.at[1].toFixed(5), state.at[2].toFixed(5)].join('/') : '')
  const text = parts.map(([name, value]) => `${name}=${encodeURIComponent(value).replace(/%2F/g, '/').replace(/%2C/g, ',').replace(/%3A/g, ':')}`)
  return `#${text.join('&')}`
}

/** What a person came to by a step of theirs, which "back" takes again: not where the map is, what lies on it or which run is the latest. */
export function step(state: State): string {
  // A request is what was asked for; the layer that answers it is known later.
  const asked = ({ layer, ask }: Shown): Shown => ({ layer: ask ? 'asked' : layer, run: '', ask })
  return toHash({ ...initial, ...asked(state), other: state.other && asked(state.other), pick: state.pick, view: state.view })
}

export function fromHash(hash: string): State {
  const given = new Map<string, string>()
  for (const part of hash.replace(/^#/, '').split('&')) {
    const at = part.indexOf('=')
    if (at < 1) continue
    try {
      given.set(part.slice(0, at), decodeURIComponent(part.slice(at + 1)))
    } catch {
      // A broken escape is a broken link: the part is left out.
    }
  }
  const of = (name: string): string => given.get(name) ?? ''
  const ask = (name: string): Ask | null => {
    try {
      const read = JSON.parse(of(name) || 'null') as Ask | null
      const dated = read?.select?.period === undefined || typeof read.select.period === 'string'
      return read && typeof read === 'object' && typeof read.method?.name === 'string' && dated ? read : null
    } catch {
      return null
    }
  }
  const at = of('at').split('/').map(Number)
  const span = Number(of('span') || 1)
  return {
    layer: of('layer'),
    run: of('run'),
    ask: ask('ask'),
    other: of('with') || ask('with-ask') ? { layer: of('with'), run: of('with-run'), ask: ask('with-ask') } : null,
    on: [...new Set(of('on').split(',').filter(Boolean))],
    pick: of('pick'),
    listed: of('list') === 'other' ? 'other' : 'main',
    month: /^\d{4}-(0[1-9]|1[0-2])$/.test(of('month')) ? of('month') : '',
    span: [1, 3, 6, 12].includes(span) ? span : 1,
    view: of('view') === 'table' ? 'table' : 'map',
    at: at.length === 3 && at.every(Number.isFinite) && at[0]! >= 0 && Math.abs(at[1]!) <= 85 && Math.abs(at[2]!) <= 180 ? [at[0]!, at[1]!, at[2]!] : null,
  }
}
