/** The National Grid of Great Britain, as police records have places. */

import proj4 from 'proj4'
import type { GridSquare } from './geometry'

/** EPSG:27700 by the seven parameters of EPSG:1314: from OSTN15 on the whole grid, every 10 km, 1.9 m in the median and 5.9 m at most, which is enough to look at a place. */
const GRID = '+proj=tmerc +lat_0=49 +lon_0=-2 +k=0.9996012717 +x_0=400000 +y_0=-100000 +ellps=airy +towgs84=446.448,-125.157,542.06,0.15,0.247,0.842,-20.489 +units=m +no_defs'

/** Longitude and latitude of the middle of a square. */
export function middle({ east, north }: GridSquare): [number, number] {
  return proj4(GRID, 'WGS84', [east, north]) as [number, number]
}
