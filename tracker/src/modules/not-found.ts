/* Pages that are not there: `404` with the path. The browser knows the status; `not-found` on the tag says it too. */
import type { Module } from '../click'

export const notFound: Module = (passant, { notFound: said } = {}) => {
  const [entry] = performance.getEntriesByType('navigation') as (PerformanceNavigationTiming & { responseStatus?: number })[]
  if (said != null || entry?.responseStatus == 404) {
    passant('404', { props: { path: location.pathname }, interactive: false })
  }
}
