// The live view of a site, kept up to date while somebody can see it: by a stream, and where none can be had by asking
// again and again.
//
// The stream is read by `fetch`, because EventSource sends no `Authorization`, which tokens and shared links read by.

import { Refused, wordsFor, type Client } from "./api/client.ts";
import type { LiveView } from "./api/types.ts";

/** How often it is asked for without a stream, and how often before a stream is tried again. */
export const ASK_EVERY_MS = 5_000;
const ASKS = 12;

export class Live {
  view: LiveView | undefined = $state.raw();
  problem = $state("");
  isStream = $state(false);
  private readonly client: Client;

  constructor(client: Client) {
    this.client = client;
  }

  /** Follows a site; returns what ends it. */
  follow(site: string): () => void {
    this.view = undefined;
    const ended = new AbortController();
    let seen: AbortController | null = null;
    const look = () => {
      if (document.hidden) {
        seen?.abort();
        seen = null;
      } else if (!seen) {
        seen = new AbortController();
        void this.keep(site, AbortSignal.any([ended.signal, seen.signal]));
      }
    };
    document.addEventListener("visibilitychange", look, { signal: ended.signal });
    look();
    return () => ended.abort();
  }

  private async keep(site: string, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        const pause = await this.client.watch(site, (view) => this.show(view, true), signal);
        await rest(pause, signal);
      } catch (error) {
        // Who may not read it is led elsewhere.
        if (signal.aborted || error instanceof Refused) return;
        await this.ask(site, signal);
      }
    }
  }

  private async ask(site: string, signal: AbortSignal): Promise<void> {
    for (let turn = 0; turn < ASKS && !signal.aborted; turn += 1) {
      try {
        this.show(await this.client.liveView(site, signal), false);
      } catch (error) {
        if (signal.aborted || error instanceof Refused) return;
        this.problem = wordsFor(error);
      }
      await rest(ASK_EVERY_MS, signal);
    }
  }

  private show(view: LiveView, isStream: boolean): void {
    [this.view, this.isStream, this.problem] = [view, isStream, ""];
  }
}

function rest(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((wake) => {
    const timer = setTimeout(wake, milliseconds);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      wake();
    });
  });
}
