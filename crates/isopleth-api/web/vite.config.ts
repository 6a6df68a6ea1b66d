import { createHash } from 'node:crypto'
import { readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import { defineConfig, type Plugin } from 'vite'

/** Where `vite dev` finds a service to show. */
const service = process.env.ISOPLETH_URL ?? 'http://127.0.0.1:8080'

/** The licences of all that is bundled, below `assets`. */
const LICENCES = 'licences.txt'

/** Names the licences by their content, as all files are, and compresses what is built, so that the service never has to. */
function finished(): Plugin {
  let folder = ''
  return {
    name: 'finished',
    apply: 'build',
    configResolved(config) {
      folder = join(config.root, config.build.outDir)
      if (config.build.outDir.startsWith('/')) folder = config.build.outDir
    },
    closeBundle() {
      const written = join(folder, 'assets', LICENCES)
      const named = LICENCES.replace('.', `-${createHash('sha256').update(readFileSync(written)).digest('hex').slice(0, 8)}.`)
      renameSync(written, join(folder, 'assets', named))
      const page = join(folder, 'index.html')
      writeFileSync(page, readFileSync(page, 'utf8').replace(LICENCES, named))
      for (const name of readdirSync(join(folder, 'assets'))) {
        if (/\.(br|gz)$/.test(name)) continue
        const path = join(folder, 'assets', name)
        const bytes = readFileSync(path)
        const quality = { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }
        writeFileSync(`${path}.br`, brotliCompressSync(bytes, quality))
        writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }))
      }
    },
  }
}

const proxied = ['/api', '/collections', '/conformance', '/healthz', '/jobs', '/processes', '/readyz', '/tiles', '/tileMatrixSets']

export default defineConfig({
  // Relative, so that the service can live under any path.
  base: './',
  plugins: [finished()],
  build: {
    target: 'es2022',
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 1200,
    modulePreload: { polyfill: false },
    license: { fileName: `assets/${LICENCES}` },
  },
  worker: { format: 'es' },
  server: {
    host: '127.0.0.1',
    proxy: Object.fromEntries(proxied.map((path) => [path, { target: service, changeOrigin: false }])),
  },
})
