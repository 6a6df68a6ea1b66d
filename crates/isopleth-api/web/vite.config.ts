import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import { defineConfig, type Plugin } from 'vite'

/** Where `vite dev` finds a service to show. */
const service = process.env.ISOPLETH_URL ?? 'http://127.0.0.1:8080'

/** Compresses what is built once, so that the service never has to. */
function compressed(): Plugin {
  let folder = ''
  return {
    name: 'compressed',
    apply: 'build',
    configResolved(config) {
      folder = join(config.root, config.build.outDir)
      if (config.build.outDir.startsWith('/')) folder = config.build.outDir
    },
    closeBundle() {
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
  plugins: [compressed()],
  build: {
    target: 'es2022',
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 1200,
    modulePreload: { polyfill: false },
  },
  worker: { format: 'es' },
  server: {
    host: '127.0.0.1',
    proxy: Object.fromEntries(proxied.map((path) => [path, { target: service, changeOrigin: false }])),
  },
})
