// The line that every page of a site holds, as `passant site snippet` prints it.
//
// Invariant: domains and addresses come from the server, which takes none with a character that a tag would need to escape.

import type { Script } from "../api/types.ts";

const EVENT_PATH = "/api/event";

/** A script, and where visitors reach it; empty for the site's own origin. */
export interface Tagged {
  script: Script;
  origin: string;
}

/** The line; with the script's hash, if it is to be pinned. */
export function scriptTag({ script, origin }: Tagged, integrity = ""): string {
  const pin = integrity ? ` integrity="${integrity}" crossorigin="anonymous"` : "";
  const api = script.event_path === EVENT_PATH ? "" : ` data-api="${origin}${script.event_path}"`;
  return `<script defer data-domain="${script.domain}" src="${origin}${script.path}"${pin}${api}><` + "/script>";
}
