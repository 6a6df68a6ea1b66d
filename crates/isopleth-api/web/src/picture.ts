/** A picture that says by itself what it shows: map, legend, scale, provenance, caveats and marking, for slides and reports. */

import { app, type Loaded } from './app'
import { apart } from './geometry'
import { ALIKE, explained, markings, note, type Part, parts, RANKED } from './legend'
import type { MapView } from './map'
import { inLight, known, lensOf, niceBar, sources, subtitle } from './print'
import { distance } from './words'

const WIDTH = 1200
const EDGE = 24
const FONT = 'system-ui, "Segoe UI", Helvetica, Arial, sans-serif'
const LABEL = `700 16px ${FONT}`
const INK = '#1a1f24'
const QUIET = '#3d464e'

/** Draws what is on the screen, in colours for paper. */
export async function composed(maps: MapView[]): Promise<Blob> {
  const { main } = app
  if (!main) throw new Error('nothing is shown')
  const canvas = document.createElement('canvas')
  await inLight(maps, async () => {
    const images = await Promise.all(maps.map((map) => load(map.picture())))
    // Once to learn how much there is to say, and once to say it.
    let height = 10
    for (let pass = 0; pass < 2; pass++) {
      canvas.width = WIDTH
      canvas.height = Math.ceil(height)
      height = draw(canvas.getContext('2d')!, main, maps, images)
    }
  })
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error('the picture cannot be made'))), 'image/png')
  })
}

function load(address: string): Promise<HTMLImageElement> {
  const image = new Image()
  image.src = address
  return image.decode().then(() => image)
}

/** Draws from the top down, and returns how far it came. */
function draw(to: CanvasRenderingContext2D, main: Loaded, maps: MapView[], images: HTMLImageElement[]): number {
  to.fillStyle = '#fff'
  to.fillRect(0, 0, WIDTH, to.canvas.height)
  let y = EDGE
  const say = (text: string, size: number, { bold = false, colour = INK, x = EDGE, width = WIDTH - 2 * EDGE, centred = false } = {}): void => {
    to.font = `${bold ? 700 : 400} ${size}px ${FONT}`
    to.fillStyle = colour
    to.textAlign = centred ? 'center' : 'left'
    for (const line of wrapped(to, text, width)) {
      y += size * 1.3
      to.fillText(line, centred ? WIDTH / 2 : x, y - size * 0.3)
    }
  }
  const { other } = app
  const layers = explained()
  const marking = markings(layers).join(' · ')
  if (marking) say(marking, 16, { bold: true, centred: true })
  say(main.collection.title, 26, { bold: true })
  say(subtitle(main), 16)
  if (other) say(`Beside it: ${other.collection.title} · ${subtitle(other)}`, 16)
  y += 12

  const gap = 6
  const each = (WIDTH - 2 * EDGE - gap * (images.length - 1)) / images.length
  const tall = Math.max(...images.map((i) => (each * i.naturalHeight) / i.naturalWidth))
  for (const [n, image] of images.entries()) {
    const x = EDGE + n * (each + gap)
    const high = (each * image.naturalHeight) / image.naturalWidth
    to.drawImage(image, x, y, each, high)
    to.strokeStyle = INK
    to.lineWidth = 1
    to.strokeRect(x, y, each, high)
    scale(to, maps[n]!, x, y + high, each)
    label(to, '↑ N', x + each - 46, y + 10)
    const side = n === 0 ? main : other
    if (other && side) {
      to.font = LABEL
      wrapped(to, `${lensOf(side)} · ${side.collection.title}`, each - 90).forEach((line, row) => label(to, line, x + 14, y + 10 + 24 * row))
    }
  }
  y += tall + 10

  y = legend(to, parts(layers), y)
  const words = note(layers)
  if (words) say(words, 14, { colour: QUIET })
  y += 6
  for (const caveat of known(layers, other)) {
    const top = y
    say(caveat, 14, { x: EDGE + 16, width: WIDTH - 2 * EDGE - 16 })
    to.fillText('•', EDGE + 2, top + 14)
  }
  y += 6
  say(sources(layers, other, maps[0]?.basemap ?? null), 13, { colour: QUIET })
  if (marking) { y += 6; say(marking, 16, { bold: true, centred: true }) }
  return y + EDGE
}

function wrapped(to: CanvasRenderingContext2D, text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    const longer = line ? `${line} ${word}` : word
    if (line && to.measureText(longer).width > width) {
      lines.push(line)
      line = word
    } else line = longer
  }
  return [...lines, line]
}

function label(to: CanvasRenderingContext2D, text: string, x: number, y: number): void {
  to.font = LABEL
  to.fillStyle = '#fffc'
  to.fillRect(x - 6, y - 3, to.measureText(text).width + 12, 24)
  to.fillStyle = INK
  to.textAlign = 'left'
  to.fillText(text, x, y + 15)
}

function scale(to: CanvasRenderingContext2D, map: MapView, x: number, bottom: number, width: number): void {
  const [west, , east] = map.bounds
  const { lat } = map.camera
  const across = apart([west, lat], [east, lat])
  const metres = niceBar(across)
  const long = (width * metres) / across
  label(to, distance(metres), x + 16, bottom - 42)
  to.fillStyle = '#fffc'
  to.fillRect(x + 10, bottom - 20, long + 12, 14)
  to.strokeStyle = INK
  to.lineWidth = 2
  to.beginPath()
  to.moveTo(x + 16, bottom - 17)
  to.lineTo(x + 16, bottom - 9)
  to.lineTo(x + 16 + long, bottom - 9)
  to.lineTo(x + 16 + long, bottom - 17)
  to.stroke()
}

/** Parts of the legend in columns, each below the least long. */
function legend(to: CanvasRenderingContext2D, all: Part[], top: number): number {
  const columns = 3
  const width = (WIDTH - 2 * EDGE) / columns
  const ends = Array.from({ length: columns }, () => top)
  to.textAlign = 'left'
  for (const part of all) {
    const n = ends.indexOf(Math.min(...ends))
    const x = EDGE + n * width
    let y = ends[n]! + 20
    const line = (text: string, bold: boolean, from: number): void => {
      to.font = `${bold ? 700 : 400} 14px ${FONT}`
      for (const words of wrapped(to, text, width - (from - x) - 12)) {
        to.fillStyle = INK
        to.fillText(words, from, y)
        y += 20
      }
    }
    line(part.title, true, x)
    for (const { form, colour, label: text, sign } of part.entries) {
      swatch(to, form, colour, x, y - 5)
      line(sign ? `${sign} ${text}` : text, false, x + 36)
    }
    if (!part.entries.length) line(ALIKE, false, x)
    if (part.ranked) line(RANKED[0]!.toUpperCase() + RANKED.slice(1), false, x)
    ends[n] = y - 8
  }
  return Math.max(...ends) + 8
}

function swatch(to: CanvasRenderingContext2D, form: string, colour: string, x: number, middle: number): void {
  const theme = getComputedStyle(document.documentElement)
  to.save()
  to.fillStyle = colour || '#fff'
  to.strokeStyle = '#79848e'
  to.lineWidth = 1
  to.beginPath()
  if (form === 'disc' || form === 'ring') {
    if (form === 'ring') { to.strokeStyle = INK; to.lineWidth = 2 }
    to.arc(x + 14, middle, 7, 0, 2 * Math.PI)
    to.fill()
    to.stroke()
  } else if (form === 'stroke' || form === 'street') {
    to.fillStyle = colour || theme.getPropertyValue('--map-street').trim()
    to.fillRect(x, middle - 2.5, 28, 5)
    if (form === 'street') to.strokeRect(x, middle - 2.5, 28, 5)
  } else if (form.startsWith('outline')) {
    to.strokeStyle = theme.getPropertyValue('--map-line').trim()
    to.lineWidth = form.includes('wide') ? 2.5 : 2
    if (!form.includes('wide')) to.setLineDash([5, 4])
    to.moveTo(x, middle)
    to.lineTo(x + 28, middle)
    to.stroke()
  } else {
    to.rect(x, middle - 8, 28, 16)
    to.fill()
    to.stroke()
  }
  to.restore()
}
