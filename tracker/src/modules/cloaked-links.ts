/* Links to own paths that lead elsewhere: `Cloaked Link: Click`. `cloaked` names how such paths begin, as in `/go/`. */
import { bare, onLink, type Module } from '../click'

export const cloakedLinks: Module = (passant, { cloaked } = {}) => {
  const beginnings = (cloaked || '/go/').split(/[\s,]+/)
  onLink(passant, (link) => {
    if (link.host != location.host || !beginnings.some((text) => text && link.pathname.startsWith(text))) return
    passant('Cloaked Link: Click', { props: { url: bare(link) } })
    return true
  })
}
