// Something that is asked of the server and shown when it comes.
//
// Invariant: an answer to an older question is never shown over a newer one. Old data stays until new data is there,
// and only what takes longer than a blink counts as slow, so that nothing flickers.

import { wordsFor } from "./api/client.ts";

const BLINK_MS = 150;

export type Ask<T> = (signal: AbortSignal) => Promise<T>;

export class Resource<T> {
  data: T | undefined = $state.raw();
  problem = $state("");
  /** Asked for, and not there yet. */
  busy = $state(false);
  /** Asked for long enough that it should show. */
  slow = $state(false);
  private turn = 0;
  private aborted = new AbortController();

  /** Asks; an earlier question that is still open is given up. */
  async load(ask: Ask<T>): Promise<void> {
    this.stop();
    this.busy = true;
    const turn = this.turn;
    this.aborted = new AbortController();
    const timer = setTimeout(() => {
      if (turn === this.turn) this.slow = true;
    }, BLINK_MS);
    try {
      const data = await ask(this.aborted.signal);
      if (turn !== this.turn) return;
      this.data = data;
      this.problem = "";
    } catch (error) {
      if (turn !== this.turn) return;
      this.problem = wordsFor(error);
    } finally {
      clearTimeout(timer);
      if (turn === this.turn) this.busy = this.slow = false;
    }
  }

  /** Gives up what is being asked for. */
  stop(): void {
    this.turn += 1;
    this.busy = this.slow = false;
    this.aborted.abort();
  }
}

/**
 * A resource of a component, with which it ends: asked for by what `asking` gives whenever anything that is read there
 * changes, and again when somebody wants to try.
 */
export class Followed<T> extends Resource<T> {
  private tries = $state(0);

  constructor(asking: () => Ask<T> | undefined) {
    super();
    $effect(() => {
      void this.tries;
      const ask = asking();
      if (!ask) return;
      void this.load(ask);
      return () => this.stop();
    });
  }

  retry(): void {
    this.tries += 1;
  }
}
