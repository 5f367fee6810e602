// Light or dark: what the address says, else what was chosen in this browser, else what the system has. The choice is kept
// where only this page reads it, and is sent nowhere. `first.js` does the same before the page is drawn.

import { themeOf, type Theme } from "./model/theme.ts";

const KEY = "passant.theme";

class Colours {
  /** Null follows the system. */
  chosen: Theme | null = $state(stored());

  choose(theme: Theme | null): void {
    this.chosen = theme;
    try {
      if (theme) localStorage.setItem(KEY, theme);
      else localStorage.removeItem(KEY);
    } catch {
      // A browser that stores nothing keeps it for this page.
    }
  }
}

function stored(): Theme | null {
  try {
    return themeOf(localStorage.getItem(KEY));
  } catch {
    return null;
  }
}

export const colours = new Colours();
