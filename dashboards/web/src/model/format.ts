// Numbers and times as texts, in the reader's language. Times come as the site's own labels, so no zone is applied.

import type { Metric, Value } from "../api/types.ts";
import { METRICS } from "./metrics.ts";
import { datesOf, NAMED, type Interval, type Range } from "./period.ts";

export const NONE = "–";
const COMPACT_FROM = 10_000;

export class Formats {
  private readonly whole: Intl.NumberFormat;
  private readonly compact: Intl.NumberFormat;
  private readonly decimal: Intl.NumberFormat;
  private readonly tenth: Intl.NumberFormat;
  private readonly unsigned: Intl.NumberFormat;
  private readonly countries: Intl.DisplayNames;
  private readonly languages: Intl.DisplayNames;
  readonly locale: string;

  constructor(locale: string) {
    this.locale = locale;
    this.whole = new Intl.NumberFormat(locale);
    this.compact = new Intl.NumberFormat(locale, { notation: "compact", maximumFractionDigits: 1 });
    this.decimal = new Intl.NumberFormat(locale, { maximumFractionDigits: 2 });
    this.tenth = new Intl.NumberFormat(locale, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
    this.unsigned = new Intl.NumberFormat(locale, { maximumFractionDigits: 1 });
    this.countries = new Intl.DisplayNames([locale, "en"], { type: "region" });
    this.languages = new Intl.DisplayNames([locale, "en"], { type: "language" });
  }

  /** A value in as many characters as fit a column. */
  short(metric: Metric, value: Value | undefined): string {
    return this.value(metric, value, (number) =>
      number >= COMPACT_FROM ? this.compact.format(number) : this.whole.format(number),
    );
  }

  /** A value with all its digits. */
  long(metric: Metric, value: Value | undefined): string {
    return this.value(metric, value, (number) => this.whole.format(number));
  }

  private value(metric: Metric, value: Value | undefined, count: (number: number) => string): string {
    if (value === null || value === undefined) return NONE;
    if (typeof value === "object") return this.money(value.value, value.currency);
    switch (METRICS[metric].form) {
      case "count":
        return count(value);
      case "decimal":
        return this.decimal.format(value);
      case "percent":
        return `${this.decimal.format(value)}%`;
      case "share":
        return `${this.tenth.format(value)}%`;
      case "seconds":
        return this.duration(value);
      case "money":
        return this.compact.format(value);
    }
  }

  bytes(count: number): string {
    const [unit, size] = count < 1_000_000 ? ["kilobyte", 1_000] : ["megabyte", 1_000_000];
    return new Intl.NumberFormat(this.locale, { style: "unit", unit, maximumFractionDigits: 1 }).format(count / size);
  }

  count(value: number): string {
    return this.whole.format(value);
  }

  private money(amount: number, currency: string): string {
    const notation = Math.abs(amount) >= COMPACT_FROM ? "compact" : "standard";
    try {
      return new Intl.NumberFormat(this.locale, { style: "currency", currency, notation, maximumFractionDigits: notation === "compact" ? 1 : 2 }).format(amount);
    } catch {
      return `${this.decimal.format(amount)} ${currency}`;
    }
  }

  duration(seconds: number): string {
    const [hours, minutes, rest] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60), Math.round(seconds % 60)];
    if (hours > 0) return `${hours}h ${minutes}m`;
    return minutes > 0 ? `${minutes}m ${rest}s` : `${rest}s`;
  }

  /** How much it has changed, whichever way: `12%`, or `2 pts`. */
  change(metric: Metric, change: number): string {
    return `${this.unsigned.format(Math.abs(change))}${METRICS[metric].change === "points" ? " pts" : "%"}`;
  }

  country(code: string): string {
    return this.displayed(this.countries, code, /^[A-Z]{2}$/);
  }

  language(tag: string): string {
    return this.displayed(this.languages, tag, /^[a-z]{2,3}(-[a-z0-9]{2,8})*$/i);
  }

  private displayed(names: Intl.DisplayNames, code: string, shape: RegExp): string {
    if (!shape.test(code)) return code;
    try {
      return names.of(code) ?? code;
    } catch {
      return code;
    }
  }

  // ---- times ----

  /** A bucket's label beside others, under the axis. */
  tick(label: string, interval: Interval, isManyDays: boolean): string {
    switch (interval) {
      case "hour":
        return isManyDays ? this.date(label, { day: "numeric", month: "short" }) : this.clock(label);
      case "day":
      case "week":
        return this.date(label, { day: "numeric", month: "short" });
      case "month":
        return this.date(label, { month: "short", year: "2-digit" });
    }
  }

  /** A bucket's label by itself. */
  bucket(label: string, interval: Interval): string {
    switch (interval) {
      case "hour":
        return `${this.date(label, { weekday: "short", day: "numeric", month: "short" })}, ${this.clock(label)}`;
      case "day":
        return this.date(label, { weekday: "short", day: "numeric", month: "short", year: "numeric" });
      case "week":
        return `Week of ${this.date(label, { day: "numeric", month: "short", year: "numeric" })}`;
      case "month":
        return this.date(label, { month: "long", year: "numeric" });
    }
  }

  private clock(label: string): string {
    return this.intl({ hour: "numeric", minute: "2-digit" }).format(instant(label));
  }

  date(label: string, options: Intl.DateTimeFormatOptions): string {
    return this.intl(options).format(instant(label));
  }

  /** Two dates, as short as they can be told. */
  span(from: string, to: string): string {
    const [first, last] = [instant(from.slice(0, 10)), instant(to.slice(0, 10))];
    return this.intl({ day: "numeric", month: "short", year: "numeric" }).formatRange(first, last);
  }

  range(range: Range, today: string): string {
    if (range.kind === "named") {
      const named = NAMED.find(({ key }) => key === range.name)?.label ?? range.name;
      return named;
    }
    if (range.kind === "minutes") {
      return this.intl({ day: "numeric", month: "short", hour: "numeric", minute: "2-digit" }).formatRange(
        instant(range.from),
        instant(range.to),
      );
    }
    const dates = datesOf(range, today);
    return dates ? this.span(dates.from, dates.to) : "";
  }

  private intl(options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
    return new Intl.DateTimeFormat(this.locale, { timeZone: "UTC", ...options });
  }
}

/** A label (2026-11-25, 2026-11-25 14:00:00, 2026-11-25T14:00) as if the site were in UTC. */
function instant(label: string): Date {
  const time = label.length > 10 ? label.slice(11, 16) : "00:00";
  const date = new Date(`${label.slice(0, 10)}T${time}:00Z`);
  return Number.isNaN(date.valueOf()) ? new Date(0) : date;
}

/** The reader's language; some browsers name one that their own formatters refuse ("en-US@posix"). */
export function knownLocale(wanted: string | undefined): string {
  try {
    return Intl.getCanonicalLocales(wanted)[0] ?? "en";
  } catch {
    return "en";
  }
}

export const formats = new Formats(knownLocale(typeof navigator === "undefined" ? undefined : navigator.language));
