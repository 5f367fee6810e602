/* Links to other hosts, in this tab or another: `Outbound Link: Click` with the address. */
import { bare, onLink, type Module } from '../click'

export const outboundLinks: Module = (passant) =>
  onLink(passant, (link) => {
    if (link.host == location.host) return
    passant('Outbound Link: Click', { props: { url: bare(link) } })
    return true
  })
