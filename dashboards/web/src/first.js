// Runs before anything is drawn, so that a page in chosen colours never shows the system's first: what the address says, else
// what was chosen in this browser. `theme.svelte.ts` takes over from here.
(() => {
  let chosen = new URLSearchParams(location.search).get('theme')
  try {
    chosen ??= localStorage.getItem('passant.theme')
  } catch {
    // A browser that stores nothing follows the system.
  }
  if (chosen === 'light' || chosen === 'dark') document.documentElement.dataset.theme = chosen
})()
