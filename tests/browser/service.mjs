// Starting and stopping the service under test.

import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs'
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

/** The demo borough, at a port that can be used again. */
export function demo() {
  return start('demo', '--bind', '127.0.0.1:0', '--store', join(folder, 'demo.gpkg'))
}

/** The store of the demo, served again where it was. */
export function demoAgain(base) {
  return start('serve', '--store', join(folder, 'demo.gpkg'), '--bind', new URL(base).host)
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
