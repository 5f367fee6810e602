// Light or dark, by name.

export const THEMES = ["light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

export function themeOf(text: string | null): Theme | null {
  return THEMES.find((theme) => theme === text) ?? null;
}
