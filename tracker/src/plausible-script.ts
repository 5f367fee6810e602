/* `/js/script.js` and its kind, whose options stand in its name and its tag. */
import { begin } from './plausible'

begin(window.plausible?.o)
