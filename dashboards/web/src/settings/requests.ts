// What settings ask the server to change, by the public APIs.

import type {
  Account,
  Annotation,
  DeviceSecret,
  Funnel,
  Goal,
  InvitedUser,
  MadeShareLink,
  MadeToken,
  Member,
  OwnSession,
  Role,
  Segment,
  ShareLink,
  Site,
  SiteChange,
  Token,
  User,
} from "../api/types.ts";
import { dashboard } from "../state.svelte.ts";

type Method = "GET" | "POST" | "PUT" | "DELETE";

function ask<T>(method: Method, path: string, body?: unknown): Promise<T> {
  return dashboard.client.json(path, body === undefined ? { method } : { method, body });
}

async function listed<T>(path: string, key: string): Promise<T[]> {
  return (await ask<Record<string, T[]>>("GET", path))[key] ?? [];
}

const quoted = encodeURIComponent;

// ---- sites ----

export const addSite = (domain: string, timezone: string): Promise<Site> =>
  ask("POST", "/api/v1/sites", { domain, timezone });

export const changeSite = (domain: string, change: SiteChange): Promise<Site> =>
  ask("PUT", `/api/v1/sites/${quoted(domain)}`, change);

export const removeSite = (domain: string): Promise<unknown> => ask("DELETE", `/api/v1/sites/${quoted(domain)}`);

// ---- what is defined for one ----

export type Kind = "goals" | "funnels" | "segments" | "annotations" | "shared-links";

/** What is to be made, without the site. */
export interface Made {
  goals: Goal;
  funnels: Funnel;
  segments: Segment;
  annotations: Annotation;
  "shared-links": MadeShareLink;
}

export const define = <K extends Kind>(kind: K, site: string, what: object): Promise<Made[K]> =>
  ask("PUT", `/api/v1/sites/${kind}`, { site_id: site, ...what });

export const redefine = <K extends Kind>(kind: K, site: string, id: string | number, what: object): Promise<Made[K]> =>
  ask("PUT", `/api/v1/sites/${kind}/${id}`, { site_id: site, ...what });

export const undefine = (kind: Kind, site: string, id: string | number): Promise<unknown> =>
  ask("DELETE", `/api/v1/sites/${kind}/${id}?site_id=${quoted(site)}`);

export const shareLinks = (site: string): Promise<ShareLink[]> =>
  listed(`/api/v1/sites/shared-links?site_id=${quoted(site)}`, "shared_links");

// ---- people ----

export const members = (site: string): Promise<Member[]> => listed(`/api/v1/sites/${quoted(site)}/members`, "members");

export const setMember = (site: string, email: string, role: Role): Promise<Member> =>
  ask("PUT", `/api/v1/sites/${quoted(site)}/members`, { email, role });

export const removeMember = (site: string, id: number): Promise<unknown> =>
  ask("DELETE", `/api/v1/sites/${quoted(site)}/members/${id}`);

export const users = (): Promise<User[]> => listed("/api/v1/users", "users");

/** Somebody new; the roles are by the sites' domains. */
export interface Invitation {
  email: string;
  name?: string;
  owner?: boolean;
  sites?: Record<string, Role>;
}

export const invite = (invitation: Invitation): Promise<InvitedUser> => ask("POST", "/api/v1/users", invitation);

export const setOwner = (id: number, owner: boolean): Promise<User> => ask("PUT", `/api/v1/users/${id}`, { owner });

export const removeUser = (id: number): Promise<unknown> => ask("DELETE", `/api/v1/users/${id}`);

export const passwordLink = async (id: number): Promise<string> =>
  (await ask<{ link: string }>("POST", `/api/v1/users/${id}/link`)).link;

// ---- tokens ----

export const tokens = (): Promise<Token[]> => listed("/api/v1/tokens", "tokens");

/** A token that is to be, for one site or for all. */
export interface NewToken {
  scope: Token["scope"];
  name?: string;
  site_id?: string;
  expires_at?: string;
}

export const makeToken = (token: NewToken): Promise<MadeToken> => ask("POST", "/api/v1/tokens", token);

export const revokeToken = (id: number): Promise<unknown> => ask("DELETE", `/api/v1/tokens/${id}`);

// ---- one's own account ----

export const account = (): Promise<Account> => ask("GET", "/api/v1/account");

export const changeAccount = (change: { name?: string; password?: string; new_password?: string }): Promise<Account> =>
  ask("PUT", "/api/v1/account", change);

export const sessions = (): Promise<OwnSession[]> => listed("/api/v1/account/sessions", "sessions");

export const endSession = (id: number): Promise<unknown> => ask("DELETE", `/api/v1/account/sessions/${id}`);

export const endOtherSessions = (): Promise<unknown> => ask("DELETE", "/api/v1/account/sessions");

export const beginTwoFactor = (password: string): Promise<DeviceSecret> =>
  ask("POST", "/api/v1/account/two-factor", { password });

export const confirmTwoFactor = async (code: string): Promise<string[]> =>
  (await ask<{ recovery_codes: string[] }>("PUT", "/api/v1/account/two-factor", { code })).recovery_codes;

export const endTwoFactor = (password: string): Promise<unknown> =>
  ask("DELETE", "/api/v1/account/two-factor", { password });
