// Ranges of time as an analyst names them, in the site's calendar.
//
// Dates are texts (2026-11-25) and arithmetic on them is done in UTC, so that no browser's own zone can shift a day.
// The server resolves named ranges itself; here they are only resolved to move by one period, and to be described.

export const INTERVALS = ["hour", "day", "week", "month"] as const;
export type Interval = (typeof INTERVALS)[number];

/** Every named range: key in the address, words, and whether it reaches the present. */
export const NAMED = [
  { key: "day", label: "Today", open: true },
  { key: "yesterday", label: "Yesterday", open: false },
  { key: "24h", label: "Last 24 hours", open: true },
  { key: "7d", label: "Last 7 days", open: false },
  { key: "28d", label: "Last 28 days", open: false },
  { key: "91d", label: "Last 91 days", open: false },
  { key: "month", label: "This month", open: true },
  { key: "last_month", label: "Last month", open: false },
  { key: "year", label: "This year", open: true },
  { key: "12mo", label: "Last 12 months", open: false },
  { key: "all", label: "All time", open: true },
] as const;
export type RangeName = (typeof NAMED)[number]["key"];

export type Range =
  | { kind: "named"; name: RangeName }
  /** Whole days, the last included. */
  | { kind: "dates"; from: string; to: string }
  /** Minutes of the site's clock (2026-11-25T14:00), the last included. */
  | { kind: "minutes"; from: string; to: string };

export interface Dates {
  from: string;
  to: string;
}

const ROLLING: readonly RangeName[] = ["24h", "7d", "28d", "91d", "12mo"];
const DAY_MS = 86_400_000;
const DATE = /^\d{4}-\d{2}-\d{2}$/;
const MINUTE = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}$/;

export const named = (name: RangeName): Range => ({ kind: "named", name });

// ---- the address ---------------------------------------------------------------------------------------------------

export function parseRange(text: string | null): Range | null {
  if (!text) return null;
  const found = NAMED.find((range) => range.key === text);
  if (found) return named(found.key);
  const [from = "", to = from] = text.split("..");
  if (!(from <= to)) return null;
  if (isDate(from) && isDate(to)) return { kind: "dates", from, to };
  if (isMinute(from) && isMinute(to)) return { kind: "minutes", from, to };
  return null;
}

export function formatRange(range: Range): string {
  if (range.kind === "named") return range.name;
  return range.from === range.to ? range.from : `${range.from}..${range.to}`;
}

function isDate(text: string): boolean {
  return DATE.test(text) && addDays(text, 0) === text;
}

function isMinute(text: string): boolean {
  return MINUTE.test(text) && isDate(text.slice(0, 10)) && text.slice(11) < "24:00" && text.slice(14) < "60";
}

// ---- dates ---------------------------------------------------------------------------------------------------------

const utc = (date: string): number => Date.parse(`${date}T00:00:00Z`);

function dateOf(milliseconds: number): string {
  const date = new Date(milliseconds);
  return Number.isNaN(date.valueOf()) ? "" : date.toISOString().slice(0, 10);
}

export function addDays(date: string, days: number): string {
  return dateOf(utc(date) + days * DAY_MS);
}

/** The first day of the month that is so many months from this date's. */
export function addMonths(date: string, months: number): string {
  const [year = 0, month = 1] = date.split("-").map(Number);
  return dateOf(Date.UTC(year, month - 1 + months, 1));
}

const monthEnd = (date: string): string => addDays(addMonths(date, 1), -1);
const daysBetween = (from: string, to: string): number => Math.round((utc(to) - utc(from)) / DAY_MS);

/** What the clocks on the site show at an instant: `2026-11-25T14:03`. */
export function siteTime(now: number, zone: string): string {
  const format = new Intl.DateTimeFormat("en-CA", {
    timeZone: zone,
    hourCycle: "h23",
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
  });
  const parts = Object.fromEntries(format.formatToParts(now).map((part) => [part.type, part.value]));
  return `${parts.year}-${parts.month}-${parts.day}T${parts.hour}:${parts.minute}`;
}

/** The instant at which the site's clocks show this minute; of an hour that comes twice, the first. */
export function instantOf(minute: string, zone: string): string {
  const wanted = Date.parse(`${minute}:00Z`);
  // The offset is below a day, so the clocks a day before and after know it, whichever side of a change this is.
  const offsets = [-DAY_MS, DAY_MS].map((away) => {
    const at = wanted + away;
    return Date.parse(`${siteTime(at, zone)}:00Z`) - at;
  });
  const candidates = offsets.map((offset) => wanted - offset).sort((one, other) => one - other);
  const right = candidates.find((instant) => siteTime(instant, zone) === minute);
  return new Date(right ?? candidates[0] ?? wanted).toISOString().replace(".000", "");
}

/** The dates of a range; none for all time, which only the server knows. */
export function datesOf(range: Range, today: string): Dates | null {
  if (range.kind === "dates") return { from: range.from, to: range.to };
  if (range.kind === "minutes") return { from: range.from.slice(0, 10), to: range.to.slice(0, 10) };
  const days = (count: number) => ({ from: addDays(today, -count), to: addDays(today, -1) });
  switch (range.name) {
    case "day":
      return { from: today, to: today };
    case "yesterday":
      return days(1);
    case "24h":
      return { from: addDays(today, -1), to: today };
    case "7d":
      return days(7);
    case "28d":
      return days(28);
    case "91d":
      return days(91);
    case "month":
      return { from: addMonths(today, 0), to: monthEnd(today) };
    case "last_month":
      return { from: addMonths(today, -1), to: addDays(addMonths(today, 0), -1) };
    case "year":
      return { from: `${today.slice(0, 4)}-01-01`, to: `${today.slice(0, 4)}-12-31` };
    case "12mo":
      return { from: addMonths(today, -12), to: addDays(addMonths(today, 0), -1) };
    case "all":
      return null;
  }
}

/** The range as the API takes it. */
export function askedRange(range: Range, today: string, zone: string): string | [string, string] {
  if (range.kind === "dates") return [range.from, range.to];
  if (range.kind === "minutes") {
    const last = new Date(Date.parse(instantOf(range.to, zone)) + 59_000).toISOString().replace(".000", "");
    return [instantOf(range.from, zone), last];
  }
  switch (range.name) {
    case "yesterday":
    case "last_month": {
      const { from, to } = datesOf(range, today) ?? { from: today, to: today };
      return [from, to];
    }
    default:
      return range.name;
  }
}

/** Whether the range holds the present, so that its numbers still change. */
export function isOpen(range: Range, today: string): boolean {
  const dates = datesOf(range, today);
  return dates === null || dates.to >= today;
}

// ---- moving --------------------------------------------------------------------------------------------------------

/** The period right before (-1) or after (1); none where it would lie in the future, or there is none. What ends with
    yesterday by definition has nothing after it. */
export function shift(range: Range, by: -1 | 1, today: string): Range | null {
  const dates = datesOf(range, today);
  if (!dates || range.kind === "minutes") return null;
  const moved = move(dates, by);
  if (moved.from > today || (by > 0 && range.kind === "named" && ROLLING.includes(range.name))) return null;
  return canonical(moved, today);
}

function move({ from, to }: Dates, by: number): Dates {
  if (from.endsWith("-01") && to === addDays(addMonths(to, 1), -1)) {
    const [fromYear = 0, fromMonth = 0] = from.split("-").map(Number);
    const [toYear = 0, toMonth = 0] = to.split("-").map(Number);
    const months = (toYear - fromYear) * 12 + toMonth - fromMonth + 1;
    return { from: addMonths(from, by * months), to: addDays(addMonths(to, by * months + 1), -1) };
  }
  const days = daysBetween(from, to) + 1;
  return { from: addDays(from, by * days), to: addDays(to, by * days) };
}

/** Dates under the name that they have today, if they have one. */
export function canonical({ from, to }: Dates, today: string): Range {
  const same = NAMED.find(({ key }) => {
    if (key === "24h") return false;
    const dates = datesOf(named(key), today);
    return dates !== null && dates.from === from && dates.to === to;
  });
  return same ? named(same.key) : { kind: "dates", from, to };
}

// ---- buckets -------------------------------------------------------------------------------------------------------

/** The widths that make sense for a range, the one that it has unless told first. */
export function intervalsOf(range: Range, today: string): Interval[] {
  const dates = datesOf(range, today);
  if (!dates) return ["month", "week", "day"];
  const days = daysBetween(dates.from, dates.to) + 1;
  if (range.kind === "minutes" || days <= 1 || (range.kind === "named" && range.name === "24h")) return ["hour"];
  const usual: Interval = days <= 100 ? "day" : days <= 200 ? "week" : "month";
  const sensible = INTERVALS.filter((interval) => {
    if (interval === "hour") return days <= 31;
    if (interval === "day") return days <= 400;
    if (interval === "week") return days >= 14;
    return days >= 60;
  });
  return [usual, ...sensible.filter((interval) => interval !== usual)];
}

/** The range that buckets span, of which `first` and `last` are labels; none where there is nothing finer to see. */
export function zoomed([first, last]: [string, string], interval: Interval, within: Dates | null): Range | null {
  if (interval === "hour") {
    const [from, to] = [first, last].map((label) => label.slice(0, 10) + "T" + label.slice(11, 16));
    return from && to ? { kind: "minutes", from, to: `${to.slice(0, 14)}59` } : null;
  }
  const end = { day: last, week: addDays(weekStart(last), 6), month: monthEnd(last) }[interval];
  // The first bucket begins where the range does.
  const from = within && first < within.from ? within.from : first;
  return { kind: "dates", from, to: within && end > within.to ? within.to : end };
}

function weekStart(date: string): string {
  return addDays(date, -((new Date(utc(date)).getUTCDay() + 6) % 7));
}

/** Index of the bucket that the present falls into; -1 where it is in none. Labels are in order. */
export function presentBucket(labels: string[], interval: Interval, now: string): number {
  const hour = `${now.slice(0, 10)} ${now.slice(11, 13)}:00:00`;
  const here = interval === "hour" ? hour : now.slice(0, 10);
  const last = labels.findLastIndex((label) => label <= here);
  if (last < 0) return -1;
  const label = labels[last] ?? "";
  const end = { hour: label, day: label, week: addDays(weekStart(label.slice(0, 10)), 6), month: monthEnd(label.slice(0, 10)) };
  return here <= end[interval] ? last : -1;
}
