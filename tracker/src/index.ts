/* The npm package: the same source for bundlers. On a server, where there is no page, nothing is counted. */
import type { Module, ModuleOptions } from './click'
import { start, type Options, type Passant } from './tracker'

export type { Module, ModuleOptions } from './click'
export type { Beacon, Details, Options, Passant } from './tracker'
export { cloakedLinks } from './modules/cloaked-links'
export { fileDownloads } from './modules/file-downloads'
export { forms } from './modules/forms'
export { notFound } from './modules/not-found'
export { outboundLinks } from './modules/outbound-links'
export { taggedEvents } from './modules/tagged-events'
export { webVitals } from './modules/web-vitals'

/** How a site is counted, and what besides page views. */
export interface Settings extends Options, ModuleOptionsByName {
  /** What else is reported, each by its function: `modules: [outboundLinks, forms]`. */
  modules?: Module[] | undefined
}

/** What single modules can be told. */
export interface ModuleOptionsByName {
  /** File downloads: endings, with commas, instead of the usual ones. */
  fileTypes?: string | undefined
  /** File downloads: endings besides the usual ones. */
  addFileTypes?: string | undefined
  /** Cloaked links: how their paths begin, with commas; `/go/` without it. */
  cloaked?: string | undefined
}

/** Begins to count the page that is open. Call it once. */
export const init = ({ modules = [], fileTypes, addFileTypes, cloaked, ...options }: Settings): Passant => {
  if (typeof document == 'undefined') {
    const nowhere = () => undefined
    return Object.assign(nowhere, { optOut: nowhere, optIn: nowhere })
  }
  const passant = start(options)
  const moduleOptions: ModuleOptions = { fileTypes, addFileTypes, cloaked }
  for (const module of modules) module(passant, moduleOptions)
  return passant
}
