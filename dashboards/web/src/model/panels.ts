// The panels and their tabs: one table. A tab is a question by one or two dimensions; adding one is a row here.

import type { Dimension, Metric } from "../api/types.ts";

export interface Tab {
  key: string;
  label: string;
  by: Dimension[];
  /** What stands over the names. */
  column: string;
  /** What stands over the details, if not the label. */
  title?: string;
  /** Metrics of the details, the first of which orders them. */
  details: Metric[];
  /** Tabs of one group share a menu. */
  group?: string;
  /** How the tab is drawn, if not as a list. */
  shape?: "map";
}

export interface Panel {
  key: string;
  title: string;
  tabs: Tab[];
}

const VISITS: Metric[] = ["visitors", "visits", "pageviews", "bounce_rate", "visit_duration"];

function tab(key: string, label: string, by: Dimension | Dimension[], column: string, more: Partial<Tab> = {}): Tab {
  return { key, label, by: Array.isArray(by) ? by : [by], column, details: VISITS, ...more };
}

export const PANELS = {
  sources: {
    key: "sources",
    title: "Sources",
    tabs: [
      tab("channels", "Channels", "visit:channel", "Channel"),
      tab("sources", "Sources", "visit:source", "Source"),
      tab("referrers", "Referrers", "visit:referrer", "Referrer"),
      tab("utm_campaign", "UTM campaign", "visit:utm_campaign", "Campaign", { group: "Campaigns" }),
      tab("utm_source", "UTM source", "visit:utm_source", "UTM source", { group: "Campaigns" }),
      tab("utm_medium", "UTM medium", "visit:utm_medium", "UTM medium", { group: "Campaigns" }),
      tab("utm_content", "UTM content", "visit:utm_content", "UTM content", { group: "Campaigns" }),
      tab("utm_term", "UTM term", "visit:utm_term", "UTM term", { group: "Campaigns" }),
    ],
  },
  pages: {
    key: "pages",
    title: "Pages",
    tabs: [
      tab("top", "Top", "event:page", "Page", {
        title: "Top pages",
        details: ["visitors", "pageviews", "bounce_rate", "time_on_page", "scroll_depth"],
      }),
      tab("entry", "Entry", "visit:entry_page", "Entry page", {
        title: "Entry pages",
        details: ["visitors", "visits", "bounce_rate", "visit_duration"],
      }),
      tab("exit", "Exit", "visit:exit_page", "Exit page", {
        title: "Exit pages",
        details: ["visitors", "visits", "exit_rate"],
      }),
      tab("hostnames", "Hostnames", "event:hostname", "Hostname", { details: ["visitors", "visits", "pageviews"] }),
    ],
  },
  locations: {
    key: "locations",
    title: "Locations",
    tabs: [
      tab("map", "Map", "visit:country", "Country", { title: "Countries", shape: "map" }),
      tab("countries", "Countries", "visit:country", "Country"),
    ],
  },
  devices: {
    key: "devices",
    title: "Devices",
    tabs: [
      tab("browsers", "Browsers", "visit:browser", "Browser"),
      tab("systems", "Systems", "visit:os", "System"),
      tab("devices", "Devices", "visit:device", "Device"),
      tab("languages", "Languages", "visit:language", "Language", { group: "More" }),
      tab("browser_versions", "Browser versions", ["visit:browser", "visit:browser_version"], "Browser", { group: "More" }),
      tab("os_versions", "System versions", ["visit:os", "visit:os_version"], "System", { group: "More" }),
    ],
  },
} satisfies Record<string, Panel>;

const OF_GOALS: Metric[] = ["visitors", "events", "conversion_rate", "total_revenue", "average_revenue"];

export const GOALS_TAB: Tab = tab("goals", "Goals", "event:goal", "Goal", { details: OF_GOALS });

/** The tab of a property, by its key. */
export function propertyTab(key: string): Tab {
  return tab("props", "Properties", `event:props:${key}`, key, { title: `Property ${key}`, details: ["visitors", "events"] });
}

/** Every tab that a details dialog can be about, by its key in the address. */
export function detailsTab(key: string, property: string): Tab | null {
  if (key === GOALS_TAB.key) return GOALS_TAB;
  if (key === "props") return property ? propertyTab(property) : null;
  return Object.values(PANELS).flatMap((panel): Tab[] => panel.tabs).find((one) => one.key === key) ?? null;
}
