// Starting and stopping the service under test.

import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const binary = process.env.ISOPLETH
export const shared = process.env.ISOPLETH_SHARED ?? resolve(import.meta.dirname, '../../../shared')

/** Runs the binary to its end. */
function run(...args) {
  const done = spawnSync(binary, args, { encoding: 'utf8' })
  if (done.status !== 0) throw new Error(`isopleth ${args.join(' ')}: ${done.stderr}`)
}

/** Starts a service and answers once it prints its address. */
export function start(...args) {
  return new Promise((done, failed) => {
    const child = spawn(binary, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    let said = ''
    const listen = (text) => {
      said += text
      const base = /Serving on (http:\/\/\S+?)\/?\s/.exec(said)?.[1]
      if (base) done({ base, stop: () => new Promise((gone) => { child.once('exit', gone); child.kill('SIGTERM') }) })
    }
    child.stdout.on('data', listen)
    child.stderr.on('data', listen)
    child.once('exit', (code) => failed(new Error(`isopleth ${args[0]} ended with ${code}: ${said.slice(-2000)}`)))
  })
}

const folder = mkdtempSync(join(tmpdir(), 'isopleth-browser-'))
process.once('exit', () => rmSync(folder, { recursive: true, force: true }))

/** The demo borough, at a port that can be used again. */
export function demo() {
  return start('demo', '--bind', '127.0.0.1:0', '--store', join(folder, 'demo.gpkg'))
}

/** The store of the demo, served again where it was. */
export function demoAgain(base, ...flags) {
  return start('serve', '--store', join(folder, 'demo.gpkg'), '--bind', new URL(base).host, ...flags)
}

/** The same with two streets beside its layers, and tiles of somebody else below them. */
export function withStreets(basemap) {
  const store = join(folder, 'streets.gpkg')
  run('demo', '--once', '--store', store)
  const lines = [['Lark Rise', [[0.2, 51.55], [0.24, 51.58]]], ['Candleford Green', [[0.2, 51.58], [0.24, 51.55]]]]
  const streets = join(folder, 'streets.geojson')
  writeFileSync(streets, JSON.stringify({ type: 'FeatureCollection', features: lines.map(([name, coordinates], id) => ({ type: 'Feature', properties: { id: `s${id}`, name }, geometry: { type: 'LineString', coordinates } })) }))
  run('streets', 'add', '--store', store, '--vintage', '2024-04', streets)
  const sites = join(folder, 'sites.csv')
  writeFileSync(sites, 'id,name,longitude,latitude\nk1,Kiosk,0.21,51.56\n')
  return start('serve', '--store', store, '--bind', '127.0.0.1:0', '--basemap', basemap, '--basemap-attribution', 'Ground by nobody')
    .then((service) => ({ ...service, newData: () => run('sites', 'add', '--store', store, '--class', 'kiosk', '--id-field', 'id', sites) }))
}

/** Real incidents as layers; none where the shared data are missing. */
export function real(name, file, layers) {
  const data = join(shared, 'data')
  if (!existsSync(join(data, file))) return null
  const store = join(folder, `${name}.gpkg`)
  const examples = resolve(import.meta.dirname, '../../examples')
  run('ingest', '--store', store, '--mapping', join(examples, 'mappings/london-2022.toml'), join(data, file))
  const areas = (file, kind, vintage, id, label) => run('areas', 'add', '--store', store, join(data, 'areas', file), '--kind', kind, '--vintage', vintage, '--id-field', id, '--name-field', label)
  areas('london_boroughs.geojson', 'borough', '2022', 'gss_code', 'name')
  areas('london_wards_2018.geojson', 'ward', '2018', 'GSS_CODE', 'NAME')
  for (const [id, request] of Object.entries(layers)) {
    const document = join(folder, `${name}-${id}.json`)
    writeFileSync(document, JSON.stringify(request))
    run('layer', 'add', '--store', store, id, document)
  }
  return start('serve', '--store', store, '--bind', '127.0.0.1:0')
}
