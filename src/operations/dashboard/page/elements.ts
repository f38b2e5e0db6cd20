/** Elements made and changed without markup: names and statements are other people's text, and stay text. */
import { CONDITION_SHAPES, type Condition } from './condition.ts'

type Child = Node | string | null

/** Attributes with an empty text stand alone; those that are undefined are left out. */
export type Attributes = Readonly<Record<string, string | undefined>>

export function element<Name extends keyof HTMLElementTagNameMap>(name: Name, attributes: Attributes = {}, ...children: Child[]): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name)
  fill(made, attributes, children)
  return made
}

export function svgElement<Name extends keyof SVGElementTagNameMap>(name: Name, attributes: Attributes = {}, ...children: Child[]): SVGElementTagNameMap[Name] {
  const made = document.createElementNS('http://www.w3.org/2000/svg', name)
  fill(made, attributes, children)
  return made
}

function fill(made: Element, attributes: Attributes, children: readonly Child[]): void {
  for (const [name, value] of Object.entries(attributes)) if (value !== undefined) made.setAttribute(name, value)
  for (const child of children) if (child !== null) made.append(child)
}

/** Touches the document only where something differs. */
export function setText(target: Node, text: string): void {
  if (target.textContent !== text) target.textContent = text
}

export function setAttribute(target: Element, name: string, value: string | null): void {
  if (value === null) {
    if (target.hasAttribute(name)) target.removeAttribute(name)
  } else if (target.getAttribute(name) !== value) target.setAttribute(name, value)
}

/** @throws Error where the page does not have it: then page and script are not of one version */
export function byId<T extends Element = HTMLElement>(id: string): T {
  const found = document.getElementById(id)
  if (found === null) throw new Error(`the page has no #${id}`)
  return found as unknown as T
}

/** The shape that goes with the word. */
export function conditionMark(condition: Condition): SVGSVGElement {
  return svgElement('svg', { class: 'mark', viewBox: '-1.5 -1.5 3 3', 'aria-hidden': 'true', 'data-condition': condition }, svgElement('path', { d: CONDITION_SHAPES[condition], 'fill-rule': 'evenodd' }))
}

export function conditionLabel(condition: Condition, word: string): HTMLElement {
  return element('span', { class: 'condition', 'data-condition': condition }, conditionMark(condition), element('span', { class: 'condition-word' }, word))
}

/** What a list says while it has nothing to show. */
export function emptyNote(title: string, detail: string): HTMLElement {
  return element('div', { class: 'empty' }, element('p', { class: 'empty-title' }, title), element('p', {}, detail))
}
