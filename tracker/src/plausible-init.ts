/* `/js/pa-….js`, which begins when the page calls `plausible.init`, and reports what that says. */
import { fileDownloads } from './modules/file-downloads'
import { forms } from './modules/forms'
import { outboundLinks } from './modules/outbound-links'
import { taggedEvents } from './modules/tagged-events'
import { begin, moduleOptions, type Plausible, type PlausibleOptions } from './plausible'

let begun = false

const init = (options: PlausibleOptions = {}) => {
  if (begun) return
  begun = true
  const passant = begin(options)
  const { fileDownloads: files = true, formSubmissions = true, outboundLinks: links = true } = options
  taggedEvents(passant)
  if (links) outboundLinks(passant)
  if (files) {
    fileDownloads(passant, files === true ? moduleOptions : { fileTypes: files.fileExtensions.join() })
  }
  if (formSubmissions) forms(passant)
}

const early = window.plausible
if (early?.o) {
  init(early.o)
} else {
  // Until then calls wait where the page's own lines, if there are any, have put them.
  const waiting: Plausible = early || ((...call) => (waiting.q ||= []).push(call))
  window.plausible = waiting
  waiting.init = init
}
