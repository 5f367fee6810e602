/* The script that a page loads: its options stand in the attributes of its own tag. */
import { start, type Call, type Passant } from './tracker'

declare global {
  interface Window {
    passant?: Passant & { q?: Call[] }
  }
}

const { src, dataset } = document.currentScript as HTMLScriptElement

window.passant = start({
  domain: dataset.domain,
  api: dataset.api || new URL('/api/event', src),
  hash: 'hash' in dataset,
  manual: 'manual' in dataset,
  allowLocal: 'allowLocal' in dataset
}, window.passant?.q)
