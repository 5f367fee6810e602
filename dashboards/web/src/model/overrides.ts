// Texts of strangers within our own lines.

/** Characters that turn the direction of what follows, beyond the element that they stand in. */
const OVERRIDES = /[\u202a-\u202e\u2066-\u2069]/g;

/** A text that leaves the sentence around it readable. */
export function withoutOverrides(text: string): string {
  return text.replace(OVERRIDES, "");
}
