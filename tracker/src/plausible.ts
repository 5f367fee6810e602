/*
 * Plausible's interface over our script, for sites that have its tag: `plausible()`, what was called before it came
 * (`plausible.q`), `plausible.init`, and the attributes of its older scripts. An objection counts here as it does in ours.
 */
import type { ModuleOptions } from './click'
import { start, type Beacon, type Call, type Details, type Passant } from './tracker'

type Props = Record<string, unknown>

interface PlausibleDetails extends Details {
  url?: string
  callback?: (result?: { status?: number | undefined }) => void
}

/** What `plausible.init` can be told. */
export interface PlausibleOptions {
  domain?: string
  endpoint?: string
  hashBasedRouting?: boolean
  autoCapturePageviews?: boolean
  captureOnLocalhost?: boolean
  customProperties?: Props | ((name: string) => Props)
  transformRequest?: (payload: Beacon) => Beacon | null | undefined
  outboundLinks?: boolean
  formSubmissions?: boolean
  fileDownloads?: boolean | { fileExtensions: string[] }
}

/** What a page calls. */
export type Plausible = ((name: string, details?: PlausibleDetails) => unknown) & {
  /** What was called, and how it was begun, before the script came. */
  q?: Parameters<typeof report>[]
  o?: PlausibleOptions
  init?: (options?: PlausibleOptions) => void
}

declare global {
  interface Window {
    plausible?: Plausible
    passant?: Passant & { q?: Call[] }
  }
}

const { src, attributes, dataset } = document.currentScript as HTMLScriptElement

/** The attributes of the tag, as modules read them. */
export const moduleOptions: ModuleOptions = { ...dataset }
for (const { name, value } of attributes) {
  if (/^(add-)?file-types$/.test(name)) moduleOptions[name == 'file-types' ? 'fileTypes' : 'addFileTypes'] = value
}

/** `event-author="Jane"` on the tag is a property of each event. */
const tagProps = () => {
  const props: Props = {}
  for (const { name, value } of attributes) if (name.startsWith('event-')) props[name.slice(6)] = value
  return props
}

/** Whether a path is one of a list of patterns: `*` is any characters but a slash, `**` any. */
const among = (list: string, path: string) =>
  list.split(',').some((pattern) => {
    const text = pattern.trim().replace(/[.+?^${}()|[\]\\]/g, '\\$&')
    return RegExp('^' + text.replace(/\*+/g, (stars) => stars[1] ? '.*' : '[^/]*') + '/?$').test(path)
  })

const excluded = () => {
  const path = location.pathname + ('hash' in dataset ? location.hash : '')
  return dataset.include && !among(dataset.include, path) || dataset.exclude && among(dataset.exclude, path)
}

/** Plausible's own flag, by which people exclude themselves. */
const ignored = () => {
  try {
    return localStorage.plausible_ignore == 'true'
  } catch {
    return false
  }
}

let passant: Passant | undefined

const report = (name: string, { callback, url, u = url, props, revenue, interactive }: PlausibleDetails = {}) => {
  Promise.resolve(passant!(name, { u, props, revenue, interactive })).then((answer) =>
    callback?.({ status: answer ? answer.status : undefined }))
}

const before = (options: PlausibleOptions) => {
  // The engagement of a page that is not counted is not counted either, wherever the visitor is by then.
  let counted = true
  return ({ props, revenue, interactive, ...rest }: Beacon) => {
    if (ignored()) return
    if (rest.n == 'pageview') counted = !excluded()
    if (/^(pageview|engagement)$/.test(rest.n) && !counted) return
    const more = options.customProperties
    const all = { ...tagProps(), ...(typeof more == 'function' ? more(rest.n) : more), ...props }
    // Under the names that `transformRequest` knows.
    const payload = { ...rest, p: rest.n == 'engagement' ? undefined : all, $: revenue, i: interactive } as Beacon
    return options.transformRequest ? options.transformRequest(payload) : payload
  }
}

/** Begins to count, once; the tag's attributes hold where `options` say nothing. */
export const begin = (options: PlausibleOptions = {}) => {
  if (passant) return passant
  passant = start({
    domain: options.domain ?? dataset.domain,
    api: options.endpoint || dataset.api || new URL('/api/event', src),
    hash: options.hashBasedRouting ?? 'hash' in dataset,
    manual: !(options.autoCapturePageviews ?? !('manual' in dataset)),
    allowLocal: options.captureOnLocalhost ?? 'allowLocal' in dataset,
    before: before(options)
  })
  const q = window.plausible?.q
  window.plausible = Object.assign(report, { init: begin })
  window.passant = passant
  q?.forEach((call) => report(...call))
  return passant
}
