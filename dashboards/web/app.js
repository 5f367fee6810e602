// The analyst's page: asks the Stats API and draws what it answers. No framework, no dependency.
//
// Every word from data reaches the page through textContent. The token comes from the fragment of the address, which
// browsers never send, and lives in this tab's sessionStorage.

const RANGES = [
  { key: "today", label: "Today", dateRange: "day", interval: "time:hour" },
  { key: "7d", label: "7 days", dateRange: "7d", interval: "time:day" },
  { key: "30d", label: "30 days", dateRange: "30d", interval: "time:day" },
  { key: "91d", label: "91 days", dateRange: "91d", interval: "time:day" },
  { key: "12mo", label: "12 months", dateRange: "12mo", interval: "time:month" },
];

const HEADLINES = [
  { metric: "visitors", label: "Visitors", show: count },
  { metric: "visits", label: "Visits", show: count },
  { metric: "pageviews", label: "Pageviews", show: count },
  { metric: "views_per_visit", label: "Views per visit", show: (value) => decimal.format(value) },
  { metric: "bounce_rate", label: "Bounce rate", show: (value) => `${value}%` },
  { metric: "visit_duration", label: "Visit duration", show: duration },
];

const PANELS = [
  { key: "pages", title: "Top pages", dimension: "event:page", rows: 19 },
  { key: "sources", title: "Sources", dimension: "visit:source", rows: 8 },
  { key: "countries", title: "Countries", dimension: "visit:country", rows: 8, name: countryName },
];

const REFRESH_MILLISECONDS = 5000;
const TOKEN_KEY = "passant.token";

const locale = knownLocale();
const whole = new Intl.NumberFormat(locale);
const compact = new Intl.NumberFormat(locale, { notation: "compact", maximumFractionDigits: 1 });
const decimal = new Intl.NumberFormat(locale, { maximumFractionDigits: 2 });
const countries = new Intl.DisplayNames([locale, "en"], { type: "region" });

const at = (id) => document.getElementById(id);
const state = { token: null, sites: [], site: null, range: RANGES[0], turn: 0, timer: 0, waiting: false };

// Some browsers name a language that their own formatters refuse ("en-US@posix").
function knownLocale() {
  try {
    return Intl.getCanonicalLocales(navigator.language)[0] || "en";
  } catch {
    return "en";
  }
}

// ---- asking -------------------------------------------------------------------------------------------------------

class Refused extends Error {}

async function call(path, body) {
  const headers = { Authorization: `Bearer ${state.token}` };
  if (body) headers["Content-Type"] = "application/json";
  const request = { method: body ? "POST" : "GET", headers, body: body && JSON.stringify(body), cache: "no-store" };
  const response = await fetch(path, request);
  if (response.status === 401 || response.status === 403) throw new Refused();
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(answer.error || `The server answered ${response.status}.`);
  return answer;
}

function ask(question) {
  return call("/api/v2/query", { site_id: state.site.domain, date_range: state.range.dateRange, ...question });
}

function askHeadline() {
  return ask({ metrics: HEADLINES.map((headline) => headline.metric) });
}

function askSeries() {
  return ask({ metrics: ["visitors"], dimensions: [state.range.interval], include: { time_labels: true } });
}

function askPanel(panel) {
  return ask({ metrics: ["visitors"], dimensions: [panel.dimension], pagination: { limit: panel.rows } });
}

function askLive() {
  return call(`/api/v1/stats/realtime/visitors?site_id=${encodeURIComponent(state.site.domain)}`);
}

// ---- the course of things -----------------------------------------------------------------------------------------

async function start() {
  readFragment();
  window.addEventListener("hashchange", () => {
    if (readFragment()) open();
  });
  window.addEventListener("popstate", () => {
    if (state.site) {
      readAddress();
      load();
    }
  });
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && state.site) refresh();
  });
  at("sign-in").addEventListener("submit", (event) => {
    event.preventDefault();
    keepToken(at("token").value.trim());
    at("token").value = "";
    open();
  });
  at("site").addEventListener("change", () => {
    state.site = state.sites.find((site) => site.domain === at("site").value);
    writeAddress();
    load();
  });
  at("copy").addEventListener("click", copySnippet);
  await open();
}

// Takes the token out of the fragment and the fragment out of the address bar.
function readFragment() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token) {
    keepToken(token);
    history.replaceState(null, "", location.pathname + location.search);
  }
  return Boolean(token);
}

function keepToken(token) {
  state.token = token;
  try {
    sessionStorage.setItem(TOKEN_KEY, token);
  } catch {
    // A browser that stores nothing still shows this page once.
  }
}

async function open() {
  if (!state.token) {
    try {
      state.token = sessionStorage.getItem(TOKEN_KEY);
    } catch {
      state.token = null;
    }
  }
  if (!state.token) return signIn("");
  try {
    const { sites } = await call("/api/v1/sites");
    state.sites = sites;
    problem(sites.length ? "" : "This token may not read any site yet.");
  } catch (error) {
    if (error instanceof Refused) return signIn("This token is not valid here.");
    problem(reason(error));
    return later(open);
  }
  at("sign-in").hidden = true;
  if (!state.sites.length) return;
  readAddress();
  showChooser();
  await load();
}

function signIn(message) {
  clearTimeout(state.timer);
  state.turn += 1;
  state.token = null;
  state.site = null;
  try {
    sessionStorage.removeItem(TOKEN_KEY);
  } catch {
    // Nothing was stored.
  }
  for (const id of ["board", "welcome", "live", "ranges", "problem"]) at(id).hidden = true;
  document.querySelector(".chooser").hidden = true;
  at("sign-in").hidden = false;
  at("sign-in-error").textContent = message;
  at("token").focus();
}

function readAddress() {
  const query = new URLSearchParams(location.search);
  state.range = RANGES.find((range) => range.key === query.get("range")) || RANGES[0];
  state.site = state.sites.find((site) => site.domain === query.get("site")) || state.sites[0];
  at("site").value = state.site.domain;
  showRanges();
}

function address(range) {
  return `${location.pathname}?${new URLSearchParams({ site: state.site.domain, range: range.key })}`;
}

function writeAddress() {
  history.pushState(null, "", address(state.range));
  showRanges();
}

// Asks for everything anew, because the site or the range is another one.
async function load() {
  at("board").setAttribute("aria-busy", "true");
  document.title = `${state.site.domain} · Passant`;
  at("zone").textContent = `Days begin at midnight in ${state.site.timezone}.`;
  await refresh({ everything: true });
}

// Asks for what changes by itself: who is here now, and today. An answer that comes after a newer question is dropped.
async function refresh({ everything = false } = {}) {
  clearTimeout(state.timer);
  const turn = (state.turn += 1);
  try {
    const live = askLive();
    if (everything || state.waiting || state.range.dateRange === "day") {
      const asked = [askHeadline(), askSeries(), ...PANELS.map(askPanel)];
      const [here, headline, series, ...panels] = await Promise.all([live, ...asked]);
      const waiting = headline.results[0].metrics[0] === 0 && here === 0 && (await isUnvisited());
      if (turn !== state.turn) return;
      state.waiting = waiting;
      showLive(here);
      showWelcome(waiting);
      if (!waiting) showBoard(headline, series, panels);
      if (everything) announce(headline.results[0].metrics[0]);
    } else {
      const here = await live;
      if (turn !== state.turn) return;
      showLive(here);
    }
    problem("");
  } catch (error) {
    if (turn !== state.turn) return;
    if (error instanceof Refused) return signIn("This token is not valid any more.");
    problem(reason(error));
    // What failed may have been the first load of this range.
    if (everything) state.waiting = true;
  }
  at("board").setAttribute("aria-busy", "false");
  later(refresh);
}

async function isUnvisited() {
  const ever = await ask({ date_range: "all", metrics: ["events"] });
  return ever.results[0].metrics[0] === 0;
}

function later(what) {
  clearTimeout(state.timer);
  state.timer = setTimeout(() => (document.hidden ? later(what) : what()), REFRESH_MILLISECONDS);
}

function reason(error) {
  return error instanceof TypeError ? "The server does not answer. Trying again…" : `${error.message} Trying again…`;
}

// ---- showing ------------------------------------------------------------------------------------------------------

function element(name, { text, ...attributes } = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  made.append(...children);
  return made;
}

function drawn(name, attributes, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

function problem(message) {
  const place = at("problem");
  place.hidden = !message;
  if (place.textContent !== message) place.textContent = message;
}

function announce(visitors) {
  at("status").textContent = `${state.site.domain}, ${state.range.label}: ${count(visitors)} visitors.`;
}

function showChooser() {
  at("site").replaceChildren(...state.sites.map((site) => element("option", { text: site.domain, value: site.domain })));
  at("site").value = state.site.domain;
  document.querySelector(".chooser").hidden = false;
}

function showRanges() {
  const links = RANGES.map((range) => {
    const link = element("a", { text: range.label, href: address(range) });
    if (range === state.range) link.setAttribute("aria-current", "page");
    link.addEventListener("click", (event) => {
      if (event.metaKey || event.ctrlKey || event.shiftKey) return;
      event.preventDefault();
      state.range = range;
      writeAddress();
      load();
    });
    return link;
  });
  at("ranges").replaceChildren(...links);
  at("ranges").hidden = false;
}

function showLive(here) {
  at("live-count").textContent = here === 1 ? "1 visitor now" : `${count(here)} visitors now`;
  at("live").hidden = false;
}

function showWelcome(waiting) {
  at("welcome").hidden = !waiting;
  if (!waiting) return;
  at("board").hidden = true;
  at("snippet").textContent =
    `<script defer data-domain="${state.site.domain}" src="${location.origin}/js/passant.js"></script>`;
}

async function copySnippet() {
  try {
    await navigator.clipboard.writeText(at("snippet").textContent);
    at("copy").textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(at("snippet"));
  }
}

function showBoard(headline, series, panels) {
  showHeadline(headline.results[0].metrics);
  showSeries(series);
  at("panels").replaceChildren(...PANELS.map((panel, index) => panelOf(panel, panels[index].results)));
  at("board").hidden = false;
}

function showHeadline(values) {
  const entries = HEADLINES.map((headline, index) => {
    const shown = element("dd", { text: headline.show(values[index]), title: whole.format(values[index]) });
    return element("div", {}, element("dt", { text: headline.label }), shown);
  });
  at("headline").replaceChildren(...entries);
}

function panelOf(panel, results) {
  const most = Math.max(1, ...results.map((row) => row.metrics[0]));
  const rows = results.map((row) => {
    const name = panel.name ? panel.name(row.dimensions[0]) : row.dimensions[0];
    const fill = element("span", { class: "fill", "aria-hidden": "true" });
    fill.style.width = `${(row.metrics[0] / most) * 100}%`;
    const shown = element("span", { class: "name", text: name, title: name });
    return element("li", {}, fill, shown, element("span", { class: "count", text: count(row.metrics[0]) }));
  });
  if (!rows.length) rows.push(element("li", { class: "none", text: "Nothing in this range" }));
  const title = element("h2", { text: panel.title, id: `panel-${panel.key}` });
  const header = element("header", {}, title, element("span", { text: "Visitors" }));
  const list = element("ol", { class: "rows" }, ...rows);
  return element("section", { class: "card panel", "aria-labelledby": title.id }, header, list);
}

// ---- the chart ----------------------------------------------------------------------------------------------------

const CHART = { height: 220, left: 40, right: 8, top: 12, bottom: 24 };

// Every label with its value; the store answers no row for empty buckets. An hour that comes twice has one label twice.
function pointsOf(series) {
  const rows = [...series.results];
  const now = nowLabel();
  const points = series.meta.time_labels.map((label) => {
    const row = rows.length && rows[0].dimensions[0] === label ? rows.shift() : null;
    return { label, value: row ? row.metrics[0] : 0 };
  });
  const past = points.filter((point) => point.label <= now);
  const unfinished = past.length > 1 && past[past.length - 1].label.slice(0, now.length) === now;
  return { points, past, unfinished };
}

// The hour or the day that it is on the site, spelled as the API spells it.
function nowLabel() {
  const zone = { timeZone: state.site.timezone, hourCycle: "h23" };
  const format = { ...zone, year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit" };
  const parts = Object.fromEntries(
    new Intl.DateTimeFormat("en-CA", format).formatToParts(new Date()).map((part) => [part.type, part.value]),
  );
  const date = `${parts.year}-${parts.month}-${parts.day}`;
  return state.range.interval === "time:hour" ? `${date} ${parts.hour}:00:00` : date;
}

function showSeries(series) {
  const plot = at("plot");
  const { points, past, unfinished } = pointsOf(series);
  const width = Math.max(280, plot.clientWidth || at("board").parentElement.clientWidth - 42);
  const highest = niceCeiling(Math.max(...past.map((point) => point.value), 1));
  const inner = width - CHART.left - CHART.right;
  const x = (index) => CHART.left + (points.length > 1 ? (index / (points.length - 1)) * inner : inner / 2);
  const y = (value) => CHART.top + (1 - value / highest) * (CHART.height - CHART.top - CHART.bottom);
  const total = past.reduce((sum, point) => sum + point.value, 0);
  const name = `Visitors over time, ${state.range.label}: ${count(total)} in all. Left and right arrow keys read the values.`;
  const svg = drawn("svg", { viewBox: `0 0 ${width} ${CHART.height}`, role: "img", "aria-label": name, tabindex: "0" });

  for (const value of [0, highest / 2, highest]) {
    svg.append(drawn("line", { class: "grid", x1: CHART.left, x2: width - CHART.right, y1: y(value), y2: y(value) }));
    const label = { class: "axis", x: CHART.left - 8, y: y(value) + 4, "text-anchor": "end" };
    svg.append(drawn("text", label, compact.format(value)));
  }
  const room = Math.max(1, Math.ceil(points.length / Math.max(2, Math.floor(inner / 84))));
  points.forEach((point, index) => {
    if (index % room) return;
    const anchor = index === 0 ? "start" : x(index) > width - 40 ? "end" : "middle";
    const label = { class: "axis", x: x(index), y: CHART.height - 5, "text-anchor": anchor };
    svg.append(drawn("text", label, shortTime(point.label)));
  });

  const spots = past.map((point, index) => [x(index), y(point.value)]);
  if (spots.length) {
    const line = (part) => part.map(([left, top], index) => `${index ? "L" : "M"}${left} ${top}`).join("");
    const finished = unfinished ? spots.slice(0, -1) : spots;
    const floor = y(0);
    const area = `${line(spots)}L${spots[spots.length - 1][0]} ${floor}L${spots[0][0]} ${floor}Z`;
    svg.append(drawn("path", { class: "area", d: area }), drawn("path", { class: "curve", d: line(finished) }));
    if (unfinished) svg.append(drawn("path", { class: "curve unfinished", d: line(spots.slice(-2)) }));
    if (spots.length === 1) svg.append(drawn("circle", { class: "point", cx: spots[0][0], cy: spots[0][1], r: 4 }));
  }
  const hadFocus = plot.contains(document.activeElement);
  plot.replaceChildren(svg);
  pointAt({ plot, svg, width, past, spots });
  if (hadFocus) svg.focus();
}

// Shows the value under the pointer, or the one that the arrow keys have come to.
function pointAt({ plot, svg, width, past, spots }) {
  if (!spots.length) return;
  const cursor = drawn("line", { class: "cursor", y1: CHART.top, y2: CHART.height - CHART.bottom });
  const spot = drawn("circle", { class: "point", r: 5 });
  const tip = element("div", { class: "tip" }, element("strong"), element("span"));
  let current = null;
  const hide = () => {
    current = null;
    [cursor, spot, tip].forEach((part) => part.remove());
  };
  const show = (index) => {
    current = index;
    const [left, top] = spots[index];
    cursor.setAttribute("x1", left);
    cursor.setAttribute("x2", left);
    spot.setAttribute("cx", left);
    spot.setAttribute("cy", top);
    const { label, value } = past[index];
    tip.firstChild.textContent = value === 1 ? "1 visitor" : `${whole.format(value)} visitors`;
    tip.lastChild.textContent = longTime(label);
    svg.append(cursor, spot);
    plot.append(tip);
    const scale = svg.clientWidth / width;
    const beside = left * scale > svg.clientWidth / 2 ? left * scale - tip.offsetWidth - 12 : left * scale + 12;
    tip.style.left = `${Math.max(0, beside)}px`;
  };
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const left = ((event.clientX - box.left) / box.width) * width;
    show(spots.reduce((best, [spotLeft], index) => (Math.abs(spotLeft - left) < Math.abs(spots[best][0] - left) ? index : best), 0));
  });
  svg.addEventListener("pointerleave", hide);
  svg.addEventListener("blur", hide);
  svg.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (event.key === "Escape") return hide();
    if (!step) return;
    event.preventDefault();
    const next = current === null ? spots.length - 1 : Math.min(spots.length - 1, Math.max(0, current + step));
    show(next);
    at("status").textContent = `${longTime(past[next].label)}: ${whole.format(past[next].value)} visitors`;
  });
}

function niceCeiling(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  // The half of it is a mark too, so that small counts need even steps.
  const steps = power === 1 ? [2, 4, 6, 8, 10] : [1, 1.2, 1.6, 2, 3, 4, 5, 6, 8, 10];
  return steps.find((step) => step * power >= value) * power;
}

// ---- words --------------------------------------------------------------------------------------------------------

function count(value) {
  return value < 100000 ? whole.format(value) : compact.format(value);
}

function duration(seconds) {
  const minutes = Math.floor(seconds / 60);
  return minutes ? `${whole.format(minutes)}m ${String(seconds % 60).padStart(2, "0")}s` : `${seconds}s`;
}

function countryName(code) {
  try {
    return /^[A-Z]{2}$/.test(code) ? countries.of(code) : "Unknown";
  } catch {
    return code;
  }
}

// A label is a time on the site's own clock, so it is shown as it is, in no other time zone.
function timeOf(label) {
  const [date, time] = label.split(" ");
  return new Date(`${date}T${time || "00:00:00"}Z`);
}

function shortTime(label) {
  const formats = {
    "time:hour": { hour: "numeric", minute: "2-digit" },
    "time:day": { day: "numeric", month: "short" },
    "time:month": { month: "short", year: "2-digit" },
  };
  return new Intl.DateTimeFormat(locale, { ...formats[state.range.interval], timeZone: "UTC" }).format(timeOf(label));
}

function longTime(label) {
  const formats = {
    "time:hour": { weekday: "long", hour: "numeric", minute: "2-digit" },
    "time:day": { weekday: "long", day: "numeric", month: "long" },
    "time:month": { month: "long", year: "numeric" },
  };
  return new Intl.DateTimeFormat(locale, { ...formats[state.range.interval], timeZone: "UTC" }).format(timeOf(label));
}

let redraw = 0;
window.addEventListener("resize", () => {
  clearTimeout(redraw);
  redraw = setTimeout(() => {
    if (state.site && !at("board").hidden) refresh({ everything: true });
  }, 200);
});

start();
