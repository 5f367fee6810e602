/*
 * Elements that name an event, themselves or up to three elements above: a click on one reports it; of a form, that it is
 * sent. In attributes: `data-passant-event="Signup" data-passant-event-plan="plus"`. In classes, as content systems allow
 * them: `passant-event-name=Signup passant-event-plan=plus`, `--` for `=` and `+` for a space; `plausible-…` is the same.
 * Of a link the address is a property too.
 */
import { bare, listen, type Module } from '../click'
import type { Details } from '../tracker'

const PARENTS = 3

const CLASS = /^(?:passant|plausible)-(event|revenue)-(.+?)(?:=|--)(.+)$/

/** The event that an element names. */
const named = (element: Element) => {
  let name: string | null | undefined = element.getAttribute('data-passant-event')
  const props: Record<string, string> = {}
  const money: Record<string, string> = {}
  const put = (kind: string, key: string, value: string) => {
    if (kind == 'revenue') money[key] = value
    else if (key == 'name') name = value
    else props[key] = value
  }
  for (const text of element.classList) {
    const [, kind, key, value] = text.match(CLASS) || []
    if (value) put(kind!, key!, value.replace(/\+/g, ' '))
  }
  for (const { name: text, value } of element.attributes) {
    const [, kind, key] = text.match(/^data-passant-(event|revenue)-(.+)/) || []
    if (key) put(kind!, key, value)
  }
  const revenue = money.amount && money as unknown as Details['revenue']
  return name && { name, details: { props, revenue: revenue || undefined } }
}

export const taggedEvents: Module = (passant) =>
  listen(passant, ['click', 'auxclick', 'submit'], (target, { type }) => {
    let element: Element | null = target
    for (let above = 0; element && above <= PARENTS; above++, element = element.parentElement) {
      const form = element.tagName == 'FORM'
      // A click within a form is not yet its submission.
      if (form && type != 'submit') return
      const event = named(element)
      if (event && (form || type != 'submit')) {
        const link = target.closest<HTMLAnchorElement>('a[href]')
        if (link && !form) event.details.props.url ??= bare(link)
        passant(event.name, event.details)
        return true
      }
    }
    return
  })
