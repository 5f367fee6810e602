// What the whole page shares: who asks, which sites there are, what is looked at, and what time it is.

import { Client, Refused, wordsFor } from "./api/client.ts";
import { Live } from "./live.svelte.ts";
import type { Annotation, Dimension, Filter, Funnel, Goal, Metric, Question, Role, Segment, Session, Site } from "./api/types.ts";
import { askedFilters, leaves, narrowsToGoals } from "./model/filters.ts";
import { askedRange, intervalsOf, isOpen, siteTime, type Interval } from "./model/period.ts";
import { signInProblem } from "./model/sign-in.ts";
import { askedComparison, formatView, HOME, parseView, type View } from "./model/view.ts";

const TOKEN_KEY = "passant.token";
/** What was looked at before somebody left for the sign-in provider. */
const RETURN_KEY = "passant.return";
const CLOCK_MS = 30_000;

/** What the page is about: ways in first, each of which is a path or what the server says of this browser. */
type Phase = "starting" | "token" | "login" | "setup" | "password" | "shared" | "ready" | "failed";
const LINKS: readonly Phase[] = ["setup", "password"];
/** Where a link that shares a site leads, and a site that all may read. */
const SHARED = /^\/share\/([^/]+)\/?$/;

/** What is defined for a site. */
interface Definitions {
  /** Whether it was asked for already; until then nothing can be said to be missing. */
  known: boolean;
  goals: Goal[];
  funnels: Funnel[];
  segments: Segment[];
  annotations: Annotation[];
}

const NOTHING: Definitions = { known: false, goals: [], funnels: [], segments: [], annotations: [] };

class Dashboard {
  readonly client = new Client();
  readonly live = new Live(this.client);
  phase: Phase = $state("starting");
  problem = $state("");
  /** What the provider is called by which people may sign in besides; null if there is none. */
  providerLabel: string | null = $state(null);
  /** What a link carried. */
  secret = "";
  /** The site that is shared with whoever reads this, where that is what the page is for. */
  shared: string | null = null;
  session: Session | null = $state.raw(null);
  sites: Site[] = $state.raw([]);
  view: View = $state.raw(HOME);
  defined: Definitions = $state.raw(NOTHING);
  private definedFor = "";
  now = $state(Date.now());
  /** Whether the form for a filter is open; whether the help is. */
  filtering = $state(false);
  helping = $state(false);
  /** Whether it is being said why small groups are not shown. */
  explaining = $state(false);
  /** Grows when open ranges are to be asked for anew. */
  round = $state(0);

  site = $derived(this.sites.find((site) => site.domain === this.view.site) ?? this.sites[0] ?? null);
  /** The site's clock: 2026-11-25T14:03. */
  clock = $derived(siteTime(this.now, this.site?.timezone ?? "UTC"));
  today = $derived(this.clock.slice(0, 10));
  intervals = $derived(intervalsOf(this.view.range, this.today));
  interval: Interval = $derived(
    this.view.interval && this.intervals.includes(this.view.interval) ? this.view.interval : (this.intervals[0] ?? "day"),
  );
  filters: Filter[] = $derived(askedFilters(this.view.clauses, this.view.match));
  countsGoals = $derived(narrowsToGoals(this.view.clauses));
  /** Whether a goal that is filtered on has a currency. */
  hasRevenue = $derived(
    this.defined.goals.some(
      (goal) =>
        goal.currency !== null &&
        leaves(this.view.clauses).some(({ dimension, values }) => dimension === "event:goal" && values.includes(goal.display_name)),
    ),
  );
  /** Whether settings are looked at in the place of numbers. */
  inSettings = $derived(this.phase === "ready" && this.view.settings !== "" && this.shared === null);
  /** What the reader is on the site; nothing for tokens and links, which cannot change anything. */
  role: Role | null = $derived(this.session?.sites.find(({ domain }) => domain === this.site?.domain)?.role ?? null);
  /** Whether this reader may define segments. */
  mayDefine = $derived(this.role !== null && this.role !== "viewer");
  /** Whether this reader may have every event. */
  mayExport = $derived(this.role === "owner" || this.role === "admin");

  /** Finds out who asks, then which sites they may see. */
  async start(): Promise<void> {
    const problem = signInProblem(location.hash);
    this.comeBack(problem);
    this.view = parseView(location.search);
    this.client.onrefused = () => this.expire();
    this.shared = SHARED.exec(location.pathname)?.[1] ?? null;
    // Whoever opens a link reads by that, whatever else the browser has.
    if (!this.shared) this.takeToken();
    window.addEventListener("hashchange", () => {
      if (!this.shared && this.takeToken()) void this.open();
    });
    window.addEventListener("popstate", () => {
      this.view = parseView(location.search);
    });
    const link = LINKS.find((phase) => location.pathname === `/${phase}`);
    if (link) {
      // The secret is taken out of the address bar at once: it works for whoever reads it there.
      this.secret = location.hash.slice(1);
      history.replaceState(null, "", "/");
      this.phase = link;
    }
    setInterval(() => this.tick(), CLOCK_MS);
    document.addEventListener("visibilitychange", () => this.tick());
    if (!link) await this.open();
    if (problem && this.phase === "login") this.problem = problem;
  }

  /** Leaves for the sign-in provider. */
  async signInElsewhere(): Promise<void> {
    const url = await this.client.beginSignIn();
    remember(RETURN_KEY, location.search);
    location.assign(url);
  }

  /** After that, shows what was looked at before; the server leads to no other page than the first. */
  private comeBack(problem: string | null): void {
    const looked = remembered(RETURN_KEY);
    remember(RETURN_KEY, null);
    if (looked && location.pathname === "/" && !location.search) history.replaceState(null, "", `/${looked}${location.hash}`);
    if (problem) history.replaceState(null, "", location.pathname + location.search);
  }

  /** Opens what is shared: a pass for this page alone, and the one site. */
  async openShared(site: string, password?: string): Promise<void> {
    const secret = location.hash.slice(1);
    const asked = secret ? { link: secret, ...(password && { password }) } : { site_id: site };
    const opened = await this.client.openShared(asked);
    this.client.token = opened.pass ?? null;
    this.sites = [{ ...opened.site, settings: {} }];
    this.phase = "ready";
  }

  async open(): Promise<void> {
    this.problem = "";
    try {
      if (this.shared) return await this.openShared(this.shared);
      if (!this.client.token && !(await this.resume())) return;
      this.sites = await this.client.sites();
      this.phase = "ready";
    } catch (error) {
      if (error instanceof Refused && this.shared) {
        this.phase = "shared";
        return;
      }
      if (error instanceof Refused) return this.ask(this.client.token ? "This token is not valid here." : "");
      this.problem = wordsFor(error);
      this.phase = "failed";
    }
  }

  /** Whether the browser has a session already; where not, the way in is shown. */
  private async resume(): Promise<boolean> {
    const session = await this.client.session();
    if (session === "none") {
      this.providerLabel = await this.client.providerLabel();
      this.phase = "login";
    }
    if (session === "unknown") this.phase = "token";
    if (typeof session !== "string") this.session = session;
    return typeof session !== "string";
  }

  /** Calls the reader by another name. */
  rename(name: string): void {
    if (this.session) this.session = { ...this.session, user: { ...this.session.user, name } };
  }

  /** A site as it is now, after a change of its settings. */
  replaceSite(changed: Site): void {
    this.sites = this.sites.map((site) => (site.domain === changed.domain ? changed : site));
  }

  useToken(token: string): Promise<void> {
    this.keepToken(token);
    return this.open();
  }

  async signOut(): Promise<void> {
    try {
      if (this.session) await this.client.signOut();
    } catch (error) {
      this.problem = `You are still signed in. ${wordsFor(error)}`;
      this.phase = "failed";
      return;
    }
    this.ask("");
    await this.open();
  }

  /** A token that was revoked, or a session that has ended, leads back to the way in. */
  private expire(): void {
    if (this.phase !== "ready") return;
    if (this.shared) {
      this.problem = "This link shows nothing any more, or has to be opened anew.";
      this.phase = "failed";
      return;
    }
    const hadSession = this.session !== null;
    this.ask(hadSession ? "You have been signed out." : "This token is not valid any more.");
    if (hadSession) this.phase = "login";
  }

  /** Forgets who asked. */
  private ask(problem: string): void {
    this.keepToken(null);
    this.session = null;
    this.sites = [];
    this.problem = problem;
    this.phase = "token";
  }

  /** Reads what is defined for the site. None of it is needed to show numbers, so what fails is left out. */
  async define(site: Site): Promise<void> {
    const or = <T>(asked: Promise<T[]>) => asked.catch((): T[] => []);
    const { client } = this;
    const { domain } = site;
    if (this.definedFor !== domain) [this.definedFor, this.defined] = [domain, NOTHING];
    // What its people have defined is not shared.
    if (this.shared) {
      this.defined = { ...NOTHING, known: true };
      return;
    }
    const [goals, funnels, segments, annotations] = await Promise.all([
      or(client.goals(domain)),
      or(client.funnels(domain)),
      or(client.segments(domain)),
      or(client.annotations(domain)),
    ]);
    if (this.site?.domain === domain) this.defined = { known: true, goals, funnels, segments, annotations };
  }

  /** Looks at something else. */
  go(change: Partial<View>, history: "push" | "replace" = "push"): void {
    this.view = { ...this.view, ...change };
    const address = location.pathname + formatView(this.view);
    if (address === location.pathname + location.search) return;
    // A link that is opened anew needs its secret.
    const kept = this.shared ? address + location.hash : address;
    if (history === "push") window.history.pushState(null, "", kept);
    else window.history.replaceState(null, "", kept);
  }

  /** The address of a look at something else. */
  address(change: Partial<View>): string {
    return location.pathname + (formatView({ ...this.view, ...change }) || "?");
  }

  /** A question about the site, the range and the filters of the view. */
  question(metrics: Metric[], dimensions: Dimension[] = [], more: Partial<Question> = {}): Question {
    return {
      site_id: this.site?.domain ?? "",
      date_range: this.dateRange,
      metrics,
      dimensions,
      filters: this.filters,
      ...more,
    };
  }

  dateRange = $derived(askedRange(this.view.range, this.today, this.site?.timezone ?? "UTC"));

  /** How the API is told what to compare with. */
  comparison = $derived(
    this.view.compare === "none" || (this.view.range.kind === "named" && this.view.range.name === "all")
      ? undefined
      : { ...askedComparison(this.view.compare), match_day_of_week: this.view.weekdays },
  );

  private tick(): void {
    if (document.hidden) return;
    this.now = Date.now();
    if (isOpen(this.view.range, this.today)) this.round += 1;
  }

  // ---- the token ----

  /** Takes the token out of the fragment, which browsers never send, and the fragment out of the address bar. */
  private takeToken(): boolean {
    const token = new URLSearchParams(location.hash.slice(1)).get("token");
    if (token) {
      this.keepToken(token);
      history.replaceState(null, "", location.pathname + location.search);
      return true;
    }
    this.client.token = remembered(TOKEN_KEY);
    return false;
  }

  private keepToken(token: string | null): void {
    this.client.token = token;
    remember(TOKEN_KEY, token);
  }
}

/** What this tab keeps over a page's end. */
function remembered(key: string): string | null {
  try {
    return sessionStorage.getItem(key);
  } catch {
    // A browser that stores nothing still shows this page once.
    return null;
  }
}

function remember(key: string, value: string | null): void {
  try {
    if (value) sessionStorage.setItem(key, value);
    else sessionStorage.removeItem(key);
  } catch {
    // As above.
  }
}

export const dashboard = new Dashboard();
