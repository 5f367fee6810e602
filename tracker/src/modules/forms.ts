/* Forms that are sent: `Form: Submission` with the page's path and the form's own name. Never what was filled in. */
import { listen, type Module } from '../click'

export const forms: Module = (passant) =>
  listen(passant, ['submit'], (form) => {
    // Not `form.id`, which is the field of that name where there is one.
    const name = form.getAttribute('id') || form.getAttribute('name')
    passant('Form: Submission', { props: { path: location.pathname, form: name } })
    return true
  })
