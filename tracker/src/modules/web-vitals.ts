/*
 * How fast the page was, in the words of web.dev/vitals: `Web Vitals` once, when the page is first hidden, with a rating for
 * each of lcp, inp, cls, fcp and ttfb that is known. The rating, not the milliseconds: those could tell one device from
 * another, and a share of `good` is what the recommendations ask for.
 */
import { onCLS, onFCP, onINP, onLCP, onTTFB, type Metric } from 'web-vitals'
import type { Module } from '../click'

export const webVitals: Module = (passant) => {
  let props: Record<string, string> | undefined = {}
  const note = ({ name, rating }: Metric) => { if (props) props[name.toLowerCase()] = rating }
  const all = { reportAllChanges: true }
  onLCP(note, all)
  onINP(note, all)
  onCLS(note, all)
  onFCP(note)
  onTTFB(note)
  const tell = () => {
    if (document.hidden && props && Object.keys(props).length) {
      passant('Web Vitals', { props, interactive: false })
      props = undefined
    }
  }
  addEventListener('visibilitychange', tell)
}
