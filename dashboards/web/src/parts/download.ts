// Saves what was asked for as a file.

import type { Question } from "../api/types.ts";
import { formatRange } from "../model/period.ts";
import { dashboard } from "../state.svelte.ts";

/** The answer to a question, as CSV. */
export async function download(question: Question, name: string): Promise<void> {
  save(await dashboard.client.csv(question), name, "csv");
}

/** Saves a file about the site and the range. */
export function save(blob: Blob, name: string, ending: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = `${dashboard.site?.domain}-${name}-${formatRange(dashboard.view.range)}.${ending}`.replace(/[^\w.-]+/g, "_");
  link.click();
  URL.revokeObjectURL(link.href);
}
