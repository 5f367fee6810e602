// Speaks to the server: with a token if there is one, else with the cookie of a session.
//
// A busy or absent store is asked once more; what still fails is thrown with words that can be shown.

import { EventReader } from "../model/events.ts";
import type {
  Annotation,
  Answer,
  Exploration,
  Funnel,
  FunnelStep,
  Goal,
  LiveView,
  Move,
  Origin,
  Path,
  Properties,
  Question,
  Returning,
  Script,
  Segment,
  Session,
  Site,
} from "./types.ts";

/** The server wants to know who asks. */
export class Refused extends Error {
  /** Whether the password was right, and a code of the reader's device is asked for, too. */
  readonly needsCode: boolean;

  constructor(message: string, needsCode: boolean) {
    super(message);
    this.needsCode = needsCode;
  }
}

/** The server answered, but not with what was asked for. */
export class Failed extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** What a link opens. */
export interface Shared {
  /** What to ask with; a site that all may read needs none. */
  pass?: string;
  site: { domain: string; timezone: string };
}

/** Where a file is, and what is asked of it. */
export interface FileAsked {
  path: string;
  body?: unknown;
}

export interface Call {
  method?: "GET" | "POST" | "PUT" | "DELETE";
  body?: unknown;
  signal?: AbortSignal;
  accept?: string;
  /** Carried to the server though the page is left meanwhile. */
  keepalive?: boolean;
}

const UNKNOWN_ASKER = 401;
const BUSY = 503;
const PATIENCE_MS = 5_000;
const LIVE = "/api/v2/live?site_id=";
/** A stream says something every five seconds. */
const SILENCE_MS = 20_000;

export class Client {
  token: string | null = null;
  /** Told when the server no longer takes who asks for anybody. */
  onrefused = (): void => {};

  // ---- who asks ----

  /** The session of the cookie; "unknown" where this server has no sessions. */
  async session(): Promise<Session | "none" | "unknown"> {
    const response = await this.send("/api/session", {});
    if (response.status === 404 || response.status === 405) return "unknown";
    if (response.status === 401) return "none";
    return (await this.read(response)).json() as Promise<Session>;
  }

  async signIn(credentials: { email: string; password: string; code?: string }): Promise<void> {
    await this.read(await this.send("/api/session", { method: "POST", body: credentials }));
  }

  /** What the provider is called by which people may sign in besides; null if there is none, or it cannot be told now. */
  async providerLabel(): Promise<string | null> {
    const ways = this.json<{ single_sign_on: { label: string } | null }>("/api/sign-in", {});
    return ways.then(({ single_sign_on }) => single_sign_on?.label ?? null).catch(() => null);
  }

  /** Begins to sign in by it: where the browser has to go. */
  async beginSignIn(): Promise<string> {
    return (await this.json<{ url: string }>("/api/sign-in/oidc", { method: "POST", body: {} })).url;
  }

  /** Makes the first owner, by the secret of the link that the server printed. */
  async setUp(owner: { token: string; name: string; email: string; password: string }): Promise<void> {
    await this.read(await this.send("/api/setup", { method: "POST", body: owner }));
  }

  /** Sets a password by the secret of a link. */
  async choosePassword(chosen: { token: string; password: string; name?: string }): Promise<void> {
    await this.read(await this.send("/api/password", { method: "POST", body: chosen }));
  }

  /** Opens a link that shares a site, or a site that all may read. */
  async openShared(asked: { link: string; password?: string } | { site_id: string }): Promise<Shared> {
    return (await this.read(await this.send("/api/share", { method: "POST", body: asked }))).json() as Promise<Shared>;
  }

  /** Ends the session, though the reader closes the page at once; one that has ended already is no error. */
  async signOut(): Promise<void> {
    const response = await this.send("/api/session", { method: "DELETE", keepalive: true });
    if (response.status !== UNKNOWN_ASKER) await this.read(response);
  }

  // ---- what is defined ----

  async sites(): Promise<Site[]> {
    return (await this.json<{ sites: Site[] }>("/api/v1/sites?limit=1000", {})).sites;
  }

  goals(site: string): Promise<Goal[]> {
    return this.definitions("goals", site);
  }

  funnels(site: string): Promise<Funnel[]> {
    return this.definitions("funnels", site);
  }

  segments(site: string): Promise<Segment[]> {
    return this.definitions("segments", site);
  }

  annotations(site: string): Promise<Annotation[]> {
    return this.definitions("annotations", site);
  }

  /** Keys of the properties that events carry, the most frequent first. */
  async properties(site: string): Promise<string[]> {
    const path = `/api/v1/sites/custom-props?site_id=${encodeURIComponent(site)}`;
    return (await this.json<Properties>(path, {})).custom_properties.map(({ property }) => property);
  }

  /** Where the website script is. */
  script(site: string): Promise<Script> {
    return this.json(`/api/v1/sites/${encodeURIComponent(site)}/script`, {});
  }

  addSegment(site: string, name: string, filters: unknown): Promise<Segment> {
    return this.json("/api/v1/sites/segments", { method: "PUT", body: { site_id: site, name, filters } });
  }

  // ---- reports ----

  query(question: Question, signal?: AbortSignal): Promise<Answer> {
    return this.json("/api/v2/query", { method: "POST", body: question, signal });
  }

  /** A file, as far as the head of its answer. */
  export(what: FileAsked, signal: AbortSignal): Promise<Response> {
    return this.answered(what.path, { method: what.body ? "POST" : "GET", body: what.body, accept: "*/*", signal });
  }

  async csv(question: Question): Promise<Blob> {
    const response = await this.send("/api/v2/query", { method: "POST", body: question, accept: "text/csv" });
    return (await this.read(response)).blob();
  }

  funnel(question: unknown, signal?: AbortSignal): Promise<Exploration<FunnelStep>> {
    return this.json("/api/v2/funnel", { method: "POST", body: question, signal });
  }

  journeys(question: unknown, signal?: AbortSignal): Promise<Exploration<Move>> {
    return this.json("/api/v2/journeys", { method: "POST", body: question, signal });
  }

  paths(question: unknown, signal?: AbortSignal): Promise<Exploration<Path>> {
    return this.json("/api/v2/paths", { method: "POST", body: question, signal });
  }

  returning(question: unknown, signal?: AbortSignal): Promise<Exploration<Returning>> {
    return this.json("/api/v2/returning", { method: "POST", body: question, signal });
  }

  attribution(question: unknown, signal?: AbortSignal): Promise<Exploration<Origin>> {
    return this.json("/api/v2/attribution", { method: "POST", body: question, signal });
  }

  liveView(site: string, signal: AbortSignal): Promise<LiveView> {
    return this.json(LIVE + encodeURIComponent(site), { signal });
  }

  /**
   * Hands over the live view whenever it has changed, until the server ends the stream; returns how long to wait then,
   * in milliseconds. A stream that stays silent counts as broken: something on the way may be holding it back.
   */
  async watch(site: string, each: (view: LiveView) => void, signal: AbortSignal): Promise<number> {
    const silent = new AbortController();
    let timer = setTimeout(() => silent.abort(), SILENCE_MS);
    try {
      const call = { accept: "text/event-stream", signal: AbortSignal.any([signal, silent.signal]) };
      const response = await this.answered(LIVE + encodeURIComponent(site), call);
      const pieces = response.body?.pipeThrough(new TextDecoderStream()).getReader();
      const events = new EventReader();
      for (;;) {
        const { done = true, value = "" } = (await pieces?.read()) ?? {};
        if (done) return events.retry ?? SILENCE_MS;
        clearTimeout(timer);
        timer = setTimeout(() => silent.abort(), SILENCE_MS);
        for (const data of events.read(value)) each(JSON.parse(data) as LiveView);
      }
    } finally {
      clearTimeout(timer);
    }
  }

  // ---- the wire ----

  private async definitions<T>(plural: string, site: string): Promise<T[]> {
    const path = `/api/v1/sites/${plural}?limit=1000&site_id=${encodeURIComponent(site)}`;
    return (await this.json<Record<string, T[]>>(path, {}))[plural] ?? [];
  }

  async json<T>(path: string, call: Call): Promise<T> {
    return (await this.answered(path, call)).json() as Promise<T>;
  }

  private async answered(path: string, call: Call): Promise<Response> {
    const response = await this.patiently(path, call);
    if (response.status === UNKNOWN_ASKER) this.onrefused();
    return this.read(response);
  }

  private async patiently(path: string, call: Call): Promise<Response> {
    const response = await this.send(path, call);
    if (response.status !== BUSY) return response;
    const seconds = Number(response.headers.get("retry-after")) || 1;
    await new Promise((wake) => setTimeout(wake, Math.min(seconds * 1_000, PATIENCE_MS)));
    call.signal?.throwIfAborted();
    return this.send(path, call);
  }

  private async send(path: string, { method = "GET", body, signal, accept, keepalive = false }: Call): Promise<Response> {
    const headers: Record<string, string> = { Accept: accept ?? "application/json" };
    if (this.token) headers["Authorization"] = `Bearer ${this.token}`;
    if (body !== undefined) headers["Content-Type"] = "application/json";
    const request: RequestInit = { method, headers, cache: "no-store", credentials: "same-origin", keepalive };
    if (body !== undefined) request.body = JSON.stringify(body);
    if (signal) request.signal = signal;
    return fetch(path, request);
  }

  private async read(response: Response): Promise<Response> {
    if (response.ok) return response;
    const answer: unknown = await response.json().catch(() => null);
    const words = answer && typeof answer === "object" && "error" in answer ? String(answer.error) : "";
    const needsCode = Boolean(answer && typeof answer === "object" && "code_needed" in answer && answer.code_needed);
    if (response.status === 401 || response.status === 403) throw new Refused(words, needsCode);
    throw new Failed(response.status, words || `The server answered ${response.status}.`);
  }
}

/** What went wrong, in words for the reader. */
export function wordsFor(error: unknown): string {
  if (error instanceof Refused) return "You may not read this.";
  if (error instanceof Failed) return error.message;
  if (error instanceof TypeError) return "The server does not answer.";
  return error instanceof Error ? error.message : String(error);
}
