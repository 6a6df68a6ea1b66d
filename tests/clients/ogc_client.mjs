// @camptocamp/ogc-client: adds `?f=json` to every address.
import { readFileSync } from 'node:fs';
import { OgcApiEndpoint } from '@camptocamp/ogc-client';

const [base, truthFile] = process.argv.slice(2);
const truth = JSON.parse(readFileSync(truthFile));
let failed = 0;

function compare(what, got, expected) {
  const equal = JSON.stringify(got) === JSON.stringify(expected);
  if (!equal) failed += 1;
  const size = Array.isArray(got) ? `${got.length} equal` : JSON.stringify(got);
  console.log(`ogc-client: ${what}: ${equal ? size : `DIFFERENT\n  got ${JSON.stringify(got).slice(0, 500)}\n  expected ${JSON.stringify(expected).slice(0, 500)}`}`);
}

const endpoint = new OgcApiEndpoint(`${base}/`);
compare('conforms to OGC API - Features', await endpoint.hasFeatures, true);
const names = (await endpoint.featureCollections).sort();
compare('has the collections', ['cells', 'nothing'].every((c) => names.includes(c)), true);

async function read(name, options = {}) {
  const { collection, ids, coordinates, undecided = [] } = truth[name];
  const url = await endpoint.getCollectionItemsUrl(collection, { limit: 10000, ...options });
  const page = await (await fetch(url)).json();
  const got = page.features.filter((f) => !undecided.includes(f.id));
  compare(`${name}, ids`, got.map((f) => f.id).sort(), ids.filter((i) => !undecided.includes(i)).sort());
  if (name === 'full') {
    const at = Object.fromEntries(got.map((f) => [f.id, f.geometry.coordinates]));
    compare('full, coordinates', ids.map((i) => at[i]), coordinates);
  }
}

await read('full');
await read('bbox', { extent: truth.bbox.request.bbox });
await read('bbox27700', { extent: truth.bbox27700.request.bbox27700, extentCrs: 'http://www.opengis.net/def/crs/EPSG/0/27700' });
await read('datetime', { dateTime: new Date(truth.datetime.request.datetime) });
await read('empty');
const info = await endpoint.getCollectionInfo('cells');
compare('reference systems', info.crs.slice(0, 2), ['http://www.opengis.net/def/crs/OGC/1.3/CRS84', 'http://www.opengis.net/def/crs/EPSG/0/27700']);
const item = await endpoint.getCollectionItem('cells', truth.full.ids[0]);
compare('item', item.id, truth.full.ids[0]);
console.log(`ogc-client: ${failed ? `${failed} different` : 'all equal'}`);
process.exit(failed ? 1 : 0);
