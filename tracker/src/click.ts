/* What the modules share of clicks: which element it was, and that one module alone reports it. */
import type { Passant } from './tracker'

/** Settings of modules, as attributes of the script's tag give them: names in camel case, lists with commas. */
export type ModuleOptions = Record<string, string | undefined>

/** Adds what it reports to a page that is counted. */
export type Module = (passant: Passant, options?: ModuleOptions) => void

/** Calls `report` for each event of these kinds whose target is inside an element; it answers whether it reported it. */
export const listen = (passant: Passant, kinds: string[], report: (target: Element, event: Event) => unknown) => {
  const listener = (event: Event) => {
    // An auxiliary click opens something only by the middle button. Inside a component the target is the path's first.
    const target = event.composedPath()[0]
    if (passant.last != event && (event as MouseEvent).button != 2 && target instanceof Element && report(target, event)) {
      passant.last = event
    }
  }
  // While the event goes down, so that a page that stops it on its way up is counted too.
  for (const kind of kinds) addEventListener(kind, listener, true)
}

/** Calls `report` for each link over the web that is opened, in this tab or another. */
export const onLink = (passant: Passant, report: (link: HTMLAnchorElement) => unknown) =>
  listen(passant, ['click', 'auxclick'], (target) => {
    const link = target.closest('a[href]') as HTMLAnchorElement | null
    return link && /^http/.test(link.protocol) && report(link)
  })

/** A link's address without its query and fragment, which may tell of a person. */
export const bare = (link: HTMLAnchorElement) => link.origin + link.pathname
