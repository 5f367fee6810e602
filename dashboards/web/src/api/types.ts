// The API's types, by the names that the dashboard uses. All of them come out of the server's own description.

import type { components as Accounts } from "./generated/accounts.ts";
import type { components as Sites, paths as SitesPaths } from "./generated/sites.ts";
import type { components as Stats } from "./generated/stats.ts";

export type Metric = Stats["schemas"]["Metric"];
export type Dimension = Stats["schemas"]["Dimension"] | `event:props:${string}`;
export type Operator = Stats["schemas"]["Operator"];
export type Money = Stats["schemas"]["Money"];
export type Value = Stats["schemas"]["Value"];
export type Row = Stats["schemas"]["Row"];
export type Meta = Stats["schemas"]["Meta"];
export type Answer = Stats["schemas"]["Answer"];
export type FunnelStep = Stats["schemas"]["FunnelStep"];
export type Properties = Stats["schemas"]["Properties"];
export type LiveView = Stats["schemas"]["LiveView"];
export type LiveGroup = Stats["schemas"]["LiveGroup"];
export type Path = Stats["schemas"]["Path"];
export type Returning = Stats["schemas"]["Returning"];
/** The origin itself stands under the name of its dimension. */
export type Origin = Stats["schemas"]["Origin"] & Record<string, unknown>;
export type Move = Stats["schemas"]["Move"];

export type Site = Sites["schemas"]["Site"];
export type Script = Sites["schemas"]["Script"];
export type Goal = Sites["schemas"]["Goal"];
export type Funnel = Sites["schemas"]["Funnel"];
export type Segment = Sites["schemas"]["Segment"];
export type Annotation = Sites["schemas"]["Annotation"];
/** What can be changed of a site. */
export type SiteChange = SitesPaths["/api/v1/sites/{domain}"]["put"]["requestBody"]["content"]["application/json"];
/** Every setting of a site. */
export type SettingName = keyof NonNullable<SiteChange["settings"]>;

export type Session = Accounts["schemas"]["Session"];
export type Role = Session["sites"][number]["role"];
export type Account = Accounts["schemas"]["Account"];
export type OwnSession = Accounts["schemas"]["Sessions"]["sessions"][number];
export type DeviceSecret = Accounts["schemas"]["DeviceSecret"];
export type User = Accounts["schemas"]["User"];
export type InvitedUser = Accounts["schemas"]["InvitedUser"];
export type Member = Accounts["schemas"]["Member"];
export type Token = Accounts["schemas"]["Token"];
export type MadeToken = Accounts["schemas"]["MadeToken"];
export type ShareLink = Accounts["schemas"]["ShareLink"];
export type MadeShareLink = Accounts["schemas"]["MadeShareLink"];

export type Filter =
  | [Operator, string, string[]]
  | [Operator, string, string[], { case_sensitive: boolean }]
  | ["is", "segment", number[]]
  | ["and" | "or", Filter[]]
  | ["not", Filter];

/** A question, with the parts that the description leaves open spelt out. */
export type Question = Omit<Stats["schemas"]["Question"], "dimensions" | "filters" | "order_by"> & {
  dimensions?: Dimension[];
  filters?: Filter[];
  order_by?: [Metric | Dimension, "asc" | "desc"][];
};

/** What the rows of an exploration are about, and what the floor did to them. */
export interface Exploration<R> {
  results: R[];
  meta: Meta;
}
