// What is pasted elsewhere: tags for pages, and recipes for proxies, as `docs/tracker.md` and `docs/sharing.md` have them.
//
// Invariant: domains and addresses come from the server, which takes none with a character that these texts would need to
// escape.

import type { Tagged } from "./script-tag.ts";

/** Where the script of a site is. */
export interface Place extends Tagged {
  /** Words of the script's name. */
  options: readonly string[];
}

/** The path of the script without its words and ending: `/js/passant`. */
function stemOf({ script, options }: Place): string {
  const words = options.map((word) => `.${word}`).join("");
  const stem = script.path.replace(/\.js$/, "");
  return words && stem.endsWith(words) ? stem.slice(0, -words.length) : stem;
}

/** Every product that can hand the script and its beacons on. */
export const PROXIES = [
  { key: "nginx", label: "nginx" },
  { key: "caddy", label: "Caddy" },
  { key: "cloudflare", label: "Cloudflare" },
  { key: "next", label: "Next" },
  { key: "vercel", label: "Vercel" },
] as const;
export type Proxy = (typeof PROXIES)[number]["key"];

/** How a site's own origin hands them on. */
export function recipe(proxy: Proxy, place: Place): string {
  const { origin } = place;
  const stem = stemOf(place);
  const event = place.script.event_path;
  const [directory, name] = [stem.slice(0, stem.lastIndexOf("/") + 1), stem.slice(stem.lastIndexOf("/") + 1)];
  switch (proxy) {
    case "nginx":
      return `location ~ ^/(${stem.slice(1)}[^/]*\\.js|${event.slice(1)})$ {
    proxy_pass ${origin};
    proxy_ssl_server_name on;
    proxy_set_header Host ${origin.replace(/^https?:\/\//, "")};
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header Cookie "";
}`;
    case "caddy":
      return `@passant path ${stem}*.js ${event}
reverse_proxy @passant ${origin} {
    header_up Host {upstream_hostport}
    header_up -Cookie
}`;
    case "cloudflare":
      return `export default {
  async fetch(request) {
    const { pathname } = new URL(request.url)
    const forwarded = new Request('${origin}' + pathname, request)
    forwarded.headers.delete('cookie')
    return fetch(forwarded)
  }
}`;
    case "next":
      return `module.exports = {
  rewrites: async () => [
    { source: '${directory}:script(${name}.*\\\\.js)', destination: '${origin}${directory}:script' },
    { source: '${event}', destination: '${origin}${event}' }
  ]
}`;
    case "vercel":
      return `{
  "rewrites": [
    { "source": "${directory}:script(${name}.*)", "destination": "${origin}${directory}:script" },
    { "source": "${event}", "destination": "${origin}${event}" }
  ]
}`;
  }
}

/** Where a recipe goes, and what else it needs. */
export function recipeNote(proxy: Proxy, { script }: Place): string {
  const paths = `${script.path.replace(/\.js$/, "")}* and ${script.event_path}`;
  switch (proxy) {
    case "nginx":
    case "caddy":
      return "In the block of the site's server. Name the proxy in [ingest] trusted_proxies here.";
    case "cloudflare":
      return `As a worker on ${script.domain}${paths}. Here, proxy_presets = ["cloudflare"].`;
    case "next":
      return "In next.config.js. It hands visitors' addresses on from networks that are published nowhere.";
    case "vercel":
      return "In vercel.json. It hands visitors' addresses on from networks that are published nowhere.";
  }
}

/** A page of another site shows what a link shares. */
export function frameTag(url: string, theme: "" | "light" | "dark"): string {
  const address = theme ? url.replace("#", `&theme=${theme}#`) : url;
  return `<iframe src="${address}" title="Visitors" loading="lazy" width="100%" height="1600" style="border: 0"></iframe>`;
}

/** The badge of a site that all may read. */
export function badgeTag(origin: string, domain: string): string {
  return `<img src="${origin}/badge/${domain}.svg" alt="visitors in 30 days">`;
}
