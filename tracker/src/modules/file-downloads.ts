/* Links to files: `File Download` with the address. `file-types` names other endings, `add-file-types` further ones. */
import { bare, onLink, type Module } from '../click'

const TYPES = 'pdf,xlsx,docx,txt,rtf,csv,exe,key,pps,ppt,pptx,7z,pkg,rar,gz,zip,avi,mov,mp4,mpeg,wmv,midi,mp3,wav,wma,dmg'

export const fileDownloads: Module = (passant, { fileTypes, addFileTypes } = {}) => {
  const types = `${fileTypes || TYPES},${addFileTypes}`.toLowerCase().split(/[\s,]+/)
  onLink(passant, (link) => {
    if (!types.includes(link.pathname.split('.').pop()!.toLowerCase())) return
    passant('File Download', { props: { url: bare(link) } })
    return true
  })
}
