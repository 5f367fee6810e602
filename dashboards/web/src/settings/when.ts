// Instants as the reader's own clock shows them, and days of it that something ends with.

import { knownLocale } from "../model/format.ts";

const locale = knownLocale(navigator.language);
const days = new Intl.DateTimeFormat(locale, { dateStyle: "medium" });
const moments = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" });

export const day = (instant: string): string => days.format(new Date(instant));
export const moment = (instant: string): string => moments.format(new Date(instant));

/** The end of a day, as an instant. */
export function endOf(date: string): string {
  const [year = 0, month = 1, ofMonth = 1] = date.split("-").map(Number);
  return new Date(year, month - 1, ofMonth + 1).toISOString();
}

/** When something ends, of which the end is an instant: its last day. */
export const until = (end: string): string => day(new Date(Date.parse(end) - 1).toISOString());

export const hasEnded = (end: string | null): boolean => end !== null && Date.parse(end) <= Date.now();
