/** Small helpers to build the page with. */

type Child = Node | string | number | null | undefined | false | Child[]
type Attrs = Record<string, string | number | boolean | null | undefined | ((event: never) => void)>

function fill(element: Element, attrs: Attrs | null, children: Child[]): void {
  for (const [name, value] of Object.entries(attrs ?? {})) {
    if (typeof value === 'function') {
      element.addEventListener(name.slice(2).toLowerCase(), value as unknown as EventListener)
    } else if (value === true) {
      element.setAttribute(name, '')
    } else if (value !== false && value !== null && value !== undefined) {
      element.setAttribute(name, String(value))
    }
  }
  append(element, children)
}

function append(element: Element, children: Child[]): void {
  for (const child of children) {
    if (Array.isArray(child)) append(element, child)
    else if (child instanceof Node) element.append(child)
    else if (child !== null && child !== undefined && child !== false) element.append(String(child))
  }
}

/** An element with attributes, listeners (`onclick`) and children. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attrs: Attrs | null = null,
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag)
  fill(element, attrs, children)
  return element
}

/** The same for SVG. */
export function s(tag: string, attrs: Attrs | null = null, ...children: Child[]): SVGElement {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag)
  fill(element, attrs, children)
  return element
}

/** Puts children in the place of those that an element has. */
export function show(element: Element, ...children: Child[]): void {
  element.replaceChildren()
  append(element, children)
}

/** The same, and whoever was in there is there again: focus and what was unfolded, by `data-keep`. */
export function redraw(element: Element, ...children: Child[]): void {
  const now = document.activeElement
  const focus = now instanceof HTMLElement && element.contains(now) ? now.dataset['keep'] : undefined
  const open = [...element.querySelectorAll<HTMLElement>('details[open][data-keep]')].map((d) => d.dataset['keep'])
  show(element, ...children)
  for (const d of element.querySelectorAll<HTMLDetailsElement>('details[data-keep]')) if (open.includes(d.dataset['keep'])) d.open = true
  if (focus) element.querySelector<HTMLElement>(`[data-keep="${focus}"]`)?.focus({ preventScroll: true })
}

const spoken = h('div', { class: 'spoken', role: 'status', 'aria-live': 'polite' })

/** Says something to those who do not see it. */
export function say(text: string): void {
  if (!spoken.isConnected) document.body.append(spoken)
  spoken.textContent = text
}

/** A labelled control. */
export function field(label: Child, control: HTMLElement, hint?: Child): HTMLElement {
  const id = control.id || `f${++fields}`
  control.id = id
  const notes = hint ? h('small', { id: `${id}-hint` }, hint) : null
  if (notes) control.setAttribute('aria-describedby', notes.id)
  return h('div', { class: 'field' }, h('label', { for: id }, label), control, notes)
}
let fields = 0

/** A choice among named values. */
export function select(
  options: readonly (readonly [value: string, label: string])[],
  value: string,
  onchange?: (value: string) => void,
): HTMLSelectElement {
  const element = h(
    'select',
    null,
    options.map(([v, label]) => h('option', { value: v, selected: v === value }, label)),
  )
  element.value = value
  if (onchange) element.addEventListener('change', () => onchange(element.value))
  return element
}

/** A box to tick. */
export function tick(
  label: Child,
  checked: boolean,
  onchange: (checked: boolean) => void,
  attrs: Attrs = {},
): HTMLLabelElement {
  const box = h('input', { type: 'checkbox', ...attrs })
  box.checked = checked
  box.addEventListener('change', () => onchange(box.checked))
  return h('label', { class: 'tick' }, box, h('span', null, label))
}
