// The pages of settings: which there are, and who may use them.
//
// Invariant: what is not offered here is refused by the server as well; this table only saves people the way there.

import type { Role, Session } from "../api/types.ts";

/** What a page is about: the site that is looked at, who looks, or the whole server. */
export type Group = "site" | "own" | "server";

export interface Page {
  key: string;
  label: string;
  group: Group;
  /** The least that somebody must be on the site, or as an owner on the server; anybody with an account, if null. */
  least: Role | null;
}

/** Roles, each of which may do what those before it may. */
export const ROLES: readonly Role[] = ["viewer", "analyst", "admin", "owner"];

/** Every page, in the order of the menu. */
export const PAGES = [
  { key: "site", label: "General", group: "site", least: "admin" },
  { key: "script", label: "Script", group: "site", least: "admin" },
  { key: "goals", label: "Goals", group: "site", least: "analyst" },
  { key: "funnels", label: "Funnels", group: "site", least: "analyst" },
  { key: "segments", label: "Segments", group: "site", least: "analyst" },
  { key: "annotations", label: "Annotations", group: "site", least: "analyst" },
  { key: "sharing", label: "Sharing", group: "site", least: "admin" },
  { key: "members", label: "Members", group: "site", least: "admin" },
  { key: "tokens", label: "Tokens", group: "site", least: "admin" },
  { key: "account", label: "Account", group: "own", least: null },
  { key: "sites", label: "Sites", group: "own", least: null },
  { key: "people", label: "People", group: "server", least: "owner" },
  { key: "all-tokens", label: "All tokens", group: "server", least: "owner" },
] as const satisfies readonly Page[];
export type PageKey = (typeof PAGES)[number]["key"];

/** Whether somebody may use a page: by their role on the site, or by being an owner. */
export function isOpenTo(page: Page, role: Role | null, session: Session | null): boolean {
  if (!session) return false;
  if (page.least === null) return true;
  if (page.group === "server") return session.user.owner;
  return role !== null && ROLES.indexOf(role) >= ROLES.indexOf(page.least);
}

/** The page that somebody is led to first. */
export function firstPage(role: Role | null, session: Session | null): PageKey {
  return PAGES.find((page) => isOpenTo(page, role, session))?.key ?? "account";
}
