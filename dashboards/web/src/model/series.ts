// The answer to a question over time as values by bucket, ready to be drawn.

import type { Answer, Value } from "../api/types.ts";
import { presentBucket, type Interval } from "./period.ts";

export interface Series {
  interval: Interval;
  /** One a bucket, those of the future included. */
  labels: string[];
  values: (number | null)[];
  /** The currency of the values, where they are money. */
  currency: string | null;
  /** The other period, bucket by bucket. */
  before: { labels: string[]; values: (number | null)[] } | null;
  /** The bucket that is not over yet; -1 if all are, or none has begun. */
  present: number;
}

const INTERVAL = /^time:(hour|day|week|month)$/;

/** `now` is the site's clock. */
export function seriesOf(answer: Answer, now: string): Series {
  const labels = answer.meta.time_labels ?? [];
  const interval = (INTERVAL.exec(answer.query.dimensions?.[0] ?? "")?.[1] ?? "day") as Interval;
  // Rows come in the order of their buckets; an hour that comes twice has one label twice.
  const rows = [...answer.results];
  const compares = rows.some(({ comparison }) => comparison);
  let currency: string | null = null;
  const number = (value: Value | undefined): number | null => {
    if (value && typeof value === "object") currency = value.currency;
    return typeof value === "number" ? value : (value?.value ?? null);
  };
  const present = presentBucket(labels, interval, now);
  const last = present >= 0 || (labels[0] ?? "") > now ? present : labels.length - 1;
  const values: (number | null)[] = [];
  const then: (number | null)[] = [];
  const held = answer.meta.privacy_floor?.rows_folded || answer.meta.privacy_floor?.numbers_withheld;
  for (const [index, label] of labels.entries()) {
    const row = rows[0]?.dimensions[0] === label ? rows.shift() : undefined;
    // A bucket without a row had nobody, or too few to be told.
    values.push(index > last ? null : row ? number(row.metrics[0]) : held ? null : 0);
    then.push(row?.comparison ? number(row.comparison.metrics?.[0]) : null);
  }
  const before = compares ? { labels: answer.meta.comparison_time_labels ?? [], values: then } : null;
  return { interval, labels, values, currency, before, present };
}
