// What can be set for a site, as a form shows it: one table, one row a setting.
//
// Invariant: a row for every setting that the server describes, or this does not compile.

import type { SettingName } from "../api/types.ts";

/** How a value is put in. */
export type Form =
  | { kind: "text"; placeholder?: string }
  | { kind: "zone" }
  | { kind: "number"; unit: string; min: number; max: number }
  | { kind: "choice"; choices: readonly (readonly [value: string, label: string])[] }
  /** A list, whose entries stand on lines of their own. */
  | { kind: "lines"; placeholder: string }
  /** A list of words of a closed set. */
  | { kind: "words"; words: readonly (readonly [word: string, says: string])[] };

/** Where on the pages a setting stands. */
export type Section = "days" | "privacy" | "counted" | "others" | "script" | "sharing";

export interface Row {
  section: Section;
  label: string;
  hint: string;
  form: Form;
}

/** What each section is called. */
export const SECTIONS: Record<Section, string> = {
  days: "Days and money",
  privacy: "Privacy",
  counted: "What is counted",
  others: "Clients of other tools",
  script: "What the script does besides",
  sharing: "Who may read",
};

export const SITE_SETTINGS: Record<SettingName, Row> = {
  timezone: {
    section: "days",
    label: "Time zone",
    hint: "Days begin at midnight there, in reports on the past as well.",
    form: { kind: "zone" },
  },
  currency: {
    section: "days",
    label: "Currency",
    hint: "Of amounts that come without one. Left empty, such amounts are dropped.",
    form: { kind: "text", placeholder: "EUR" },
  },
  privacy_floor: {
    section: "privacy",
    label: "Privacy floor",
    hint: "Groups of fewer visitors become one row where a filter narrows a report or the public reads it. 1 shows all.",
    form: { kind: "number", unit: "visitors", min: 1, max: 1_000 },
  },
  retention_months: {
    section: "privacy",
    label: "Retention in months",
    hint: "Older events and their sums are erased for good, within seconds after saving and then each day; unlimited keeps them.",
    form: { kind: "text" },
  },
  referrer: {
    section: "privacy",
    label: "Referrers",
    hint: "How much is kept of the page that a visitor came from.",
    form: {
      kind: "choice",
      choices: [
        ["domain", "Its domain"],
        ["page", "Its host and path"],
      ],
    },
  },
  hostnames: {
    section: "counted",
    label: "Allowed hostnames",
    hint: "Pages on other hosts are not counted. One a line, * for any characters; left empty, all are.",
    form: { kind: "lines", placeholder: "example.com\n*.example.com" },
  },
  blocked_pages: {
    section: "counted",
    label: "Blocked pages",
    hint: "Paths that are not counted. One a line, * for any characters.",
    form: { kind: "lines", placeholder: "/admin/*" },
  },
  blocked_addresses: {
    section: "counted",
    label: "Blocked addresses",
    hint: "Addresses and networks whose visits are not counted, such as your office's. One a line.",
    form: { kind: "lines", placeholder: "198.51.100.7\n2001:db8::/48" },
  },
  blocked_countries: {
    section: "counted",
    label: "Blocked countries",
    hint: "Countries whose visits are not counted, by their code of two letters. One a line.",
    form: { kind: "lines", placeholder: "NL" },
  },
  umami_website_ids: {
    section: "others",
    label: "Website ids of Umami",
    hint: "What its clients say in data-website-id, one a line.",
    form: { kind: "lines", placeholder: "b59e9c65-ae32-47f1-8400-119fcf4861c4" },
  },
  matomo_site_ids: {
    section: "others",
    label: "Site numbers of Matomo",
    hint: "What its clients say in idsite, one a line.",
    form: { kind: "lines", placeholder: "1" },
  },
  goatcounter_hosts: {
    section: "others",
    label: "Hosts for GoatCounter",
    hint: "Hosts at which its clients reach this server for the site, one a line.",
    form: { kind: "lines", placeholder: "stats.example.com" },
  },
  script_options: {
    section: "script",
    label: "Words of its name",
    hint: "The line to paste changes with them, and pages that load the script by its earlier name go on as before.",
    form: {
      kind: "words",
      words: [
        ["outbound-links", "clicks on links to other sites"],
        ["file-downloads", "clicks on files"],
        ["cloaked-links", "clicks on paths of your own that lead elsewhere"],
        ["forms", "forms that are sent, never what was filled in"],
        ["tagged-events", "what elements name in their attributes"],
        ["not-found", "pages that are not there"],
        ["web-vitals", "how quick pages are, as good, needs improvement or poor"],
        ["hash", "the fragment tells the page, as in /#/about"],
        ["manual", "no page view but by your own call"],
        ["local", "counts on localhost, too"],
      ],
    },
  },
  visibility: {
    section: "sharing",
    label: "Reports",
    hint: "Whoever reads without an account is held to the privacy floor.",
    form: {
      kind: "choice",
      choices: [
        ["members", "Only its members and who has a link"],
        ["public", "Anybody"],
      ],
    },
  },
};

/** The settings of a section, in the order of the table. */
export function settingsOf(section: Section): SettingName[] {
  const names = Object.keys(SITE_SETTINGS) as SettingName[];
  return names.filter((name) => SITE_SETTINGS[name].section === section);
}

/** A value as the form shows it. */
export function shownSetting({ form }: Row, value: string): string {
  return form.kind === "lines" ? value.split(",").join("\n") : value;
}

/** What the form holds, as the server takes it. */
export function storedSetting({ form }: Row, shown: string): string {
  if (form.kind !== "lines") return shown.trim();
  const entries = shown.split(/[\n,]/).map((entry) => entry.trim());
  return entries.filter((entry) => entry !== "").join(",");
}
