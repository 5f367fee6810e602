// Saves the answer to a question as a file of CSV.

import type { Question } from "../api/types.ts";
import { formatRange } from "../model/period.ts";
import { dashboard } from "../state.svelte.ts";

export async function download(question: Question, name: string): Promise<void> {
  const blob = await dashboard.client.csv(question);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = `${question.site_id}-${name}-${formatRange(dashboard.view.range)}.csv`.replace(/[^\w.-]+/g, "_");
  link.click();
  URL.revokeObjectURL(link.href);
}
