/** Numbers, dates and the service's terms in words. */

import type { Collection, Column, Lens, Value } from './api'

const GROUPS: Record<string, [title: string, lens: Lens]> = {
  violence: ['Violence', 'reported'],
  violence_and_sexual: ['Violence and sexual offences', 'reported'],
  sexual: ['Sexual offences', 'reported'],
  robbery: ['Robbery', 'reported'],
  burglary: ['Burglary', 'reported'],
  vehicle_crime: ['Vehicle crime', 'reported'],
  theft_person: ['Theft from the person', 'reported'],
  bicycle_theft: ['Bicycle theft', 'reported'],
  shoplifting: ['Shoplifting', 'reported'],
  other_theft: ['Other theft', 'reported'],
  criminal_damage: ['Criminal damage and arson', 'reported'],
  public_order: ['Public order', 'reported'],
  asb: ['Anti-social behaviour', 'reported'],
  fraud: ['Fraud and forgery', 'reported'],
  other_crime: ['Other crime', 'reported'],
  drugs: ['Drugs', 'police_generated'],
  weapons: ['Possession of weapons', 'police_generated'],
  stop_and_search: ['Stop and search', 'police_generated'],
}

/** Groups of the default policy table. Those of others are known by their use. */
export const DEFAULT_GROUPS = Object.keys(GROUPS)

export function group(id: string): string {
  return GROUPS[id]?.[0] ?? sentence(id)
}

/** Through which lens a group of the default policy table is seen. */
export function lensOfGroup(id: string): Lens {
  return GROUPS[id]?.[1] ?? 'reported'
}

export const LENS: Record<Lens, { title: string; short: string; meaning: string }> = {
  reported: {
    title: 'Reported incidents',
    short: 'Reported',
    meaning: 'Somebody reported each of these incidents. What nobody reports is not here.',
  },
  police_generated: {
    title: 'Enforcement activity (police-generated)',
    short: 'Police-generated',
    meaning: 'These records exist because police looked. They show where police were active and not where demand is.',
  },
}

export function sentence(term: string): string {
  const words = term.replaceAll('_', ' ')
  return words.charAt(0).toUpperCase() + words.slice(1)
}

const whole = new Intl.NumberFormat('en-GB', { maximumFractionDigits: 0 })

export function count(n: number): string {
  return whole.format(n)
}

/** Whether a caveat says that shares of so few incidents mean nothing. */
export function isSmall(caveat: string): boolean {
  return caveat.includes('read counts, not shares')
}

/** A real number to as many places as it deserves. */
export function real(n: number): string {
  if (n === 0) return '0'
  const size = Math.abs(n)
  if (size < 0.001) return n.toExponential(1).replace('e', ' × 10^').replace('^-', '^−')
  return new Intl.NumberFormat('en-GB', { maximumSignificantDigits: size >= 1000 ? 6 : 3, maximumFractionDigits: 20 }).format(
    size >= 1000 ? Math.round(n) : n,
  )
}

export function percent(share: number): string {
  return `${new Intl.NumberFormat('en-GB', { maximumSignificantDigits: 3 }).format(share * 100)}\u00a0%`
}

/** Small numbers as words: a single incident is no pattern, and looks like none. */
export function incidents(n: number): string {
  if (n === 0) return 'no incident'
  if (n === 1) return 'one incident'
  if (n < 10) return `${['two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'][n - 2]} incidents`
  return `${count(n)} incidents`
}

const MONTHS = ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December']

/** `2024-03` as March 2024. */
export function month(text: string): string {
  return `${MONTHS[Number(text.slice(5, 7)) - 1] ?? ''} ${text.slice(0, 4)}`.trim()
}

/** The same in short. */
export function shortMonth(text: string): string {
  return `${(MONTHS[Number(text.slice(5, 7)) - 1] ?? '').slice(0, 3)} ${text.slice(0, 4)}`
}

export function day(text: string): string {
  if (!/^\d{4}-\d{2}-\d{2}/.test(text)) return /^\d{4}-\d{2}$/.test(text) ? month(text) : text
  const time = text.slice(11, 16)
  return `${Number(text.slice(8, 10))} ${month(text)}${time && time !== '00:00' ? `, ${time}` : ''}`
}

/** A period: whole months as months, all else as days. */
export function period(text: string | undefined): string {
  if (!text) return 'all dates'
  const [from = '', to = from] = text.split('/')
  const first = from.slice(0, 7)
  const last = to.slice(0, 7)
  const begins = from.length < 10 || from.endsWith('-01')
  const ends = to.length < 10 || isLastDay(to)
  if (from.length === 4 && to.length === 4) return from === to ? from : `${from} to ${to}`
  if (begins && ends) {
    if (first === last) return month(first)
    return first.slice(0, 4) === last.slice(0, 4) && first.endsWith('-01') && last.endsWith('-12') ? first.slice(0, 4) : `${month(first)} to ${month(last)}`
  }
  return `${day(from)} to ${day(to)}`
}

function isLastDay(text: string): boolean {
  const next = new Date(`${text.slice(0, 10)}T00:00:00Z`)
  next.setUTCDate(next.getUTCDate() + 1)
  return next.getUTCDate() === 1
}

/** Months from one to another, both included. */
export function months(from: string, to: string): string[] {
  const all: string[] = []
  let [year = 0, m = 1] = from.split('-').map(Number)
  while (all.length < 1200) {
    const text = `${year}-${String(m).padStart(2, '0')}`
    if (text > to) break
    all.push(text)
    m += 1
    if (m > 12) [year, m] = [year + 1, 1]
  }
  return all
}

/** A month so many months away. */
export function shifted(text: string, by: number): string {
  const at = Number(text.slice(0, 4)) * 12 + Number(text.slice(5, 7)) - 1 + by
  return `${Math.floor(at / 12)}-${String((at % 12) + 1).padStart(2, '0')}`
}

/** How many months the second is after the first. */
export function monthsBetween(from: string, to: string): number {
  const at = (text: string): number => Number(text.slice(0, 4)) * 12 + Number(text.slice(5, 7))
  return at(to) - at(from)
}

/** First and last month of a period or of a collection's extent. */
export function monthsOf(period: string | undefined, extent?: Collection['extent']): [string, string] | null {
  if (period) {
    let [from = '', to = from] = period.split('/')
    if (from.length === 4) from += '-01'
    if (to.length === 4) to += '-12'
    return [from.slice(0, 7), to.slice(0, 7)]
  }
  const interval = extent?.temporal?.interval[0]
  return interval?.[0] && interval[1] ? [interval[0].slice(0, 7), interval[1].slice(0, 7)] : null
}

const NAMES: Record<string, string> = {
  area_m2: 'Area',
  pai: 'Predictive accuracy index (PAI)',
  p: 'p',
  z: 'z',
  h3: 'H3 cell',
  density_per_km2: 'Density',
  peak_density_per_km2: 'Highest density',
  share: 'Share',
  count: 'Incidents',
  count_reported: 'Reported',
  count_police_generated: 'Police-generated',
  previous_count: 'Incidents in the period before',
  same_period_last_year_count: 'Incidents in the same dates a year before',
  previous_change_percent: 'Change against the period before',
  last_year_change_percent: 'Change against a year before',
  period_from: 'Period from',
  period_to: 'Period to',
  run: 'Run',
  place_kind: 'Kind of place',
  location_basis: 'What the positions stand for',
  top_offences: 'Most frequent offences',
  cut_at_boundary: 'Cut at the boundary',
  edge_effect: 'Edge effect',
  name: 'Near',
}

/** What a property is called. */
export function name(column: string): string {
  return NAMES[column] ?? sentence(column.replace(/_(m2|km2|m|per_km2|per_km|percent|days)$/, '').replace(/_p_/, ' p ').replace(/_p$/, ' p'))
}

const PLACES: Record<string, string> = {
  snap_point: 'map point (stands for eight or more addresses, or none)',
  address: 'address',
  street: 'street',
  station: 'police station or custody suite where it was recorded',
  area_centroid: 'centre of an area',
  unknown: 'not known',
}

/** `snap_point 150; address 2` in words. */
export function basis(text: string): string {
  return text
    .split('; ')
    .map((part) => {
      const [, kind = part, n] = /^([a-z_]+)(?: (\d+))?$/.exec(part) ?? []
      return `${n ? `${count(Number(n))} at ` : ''}${PLACES[kind] ?? sentence(kind)}`
    })
    .join('; ')
}

/** A value with its unit, in words. */
export function value(column: Column, v: Value | undefined): string {
  if (v === null || v === undefined || v === '') return 'not known'
  if (typeof v === 'boolean') return v ? 'yes' : 'no'
  if (column.name === 'location_basis') return basis(String(v))
  if (column.kind === 'date') return day(String(v))
  if (typeof v === 'string') return /^\d{4}-\d{2}-\d{2}T/.test(v) ? day(v) : v
  if (column.name === 'area_m2') return area(v)
  if (/^share|_share$|^stability$/.test(column.name)) return percent(v)
  const unit = column.unit ? ` ${units(column.unit)}` : column.name.endsWith('_percent') ? ' %' : ''
  return (column.kind === 'integer' ? (column.name === 'rank' ? String(v) : count(v)) : real(v)) + unit
}

function units(unit: string): string {
  return unit === '1/km²' ? 'per km²' : unit === '1/km' ? 'per km' : unit
}

export function area(m2: number): string {
  return m2 < 10_000 ? `${count(m2)}\u00a0m²` : m2 < 1_000_000 ? `${real(m2 / 10_000)}\u00a0ha` : `${real(m2 / 1_000_000)}\u00a0km²`
}

export function distance(m: number): string {
  return m < 1000 ? `${count(m)}\u00a0m` : `${real(m / 1000)}\u00a0km`
}

/** How many of a thing. */
export function many(n: number, one: string, several = `${one}s`): string {
  return n === 1 ? `one ${one}` : `${count(n)} ${several}`
}
