// The form of a page of definitions: it adds one, or changes one of the list.
//
// Invariant: whoever has saved or given up a change goes on where it began.

import { tick } from "svelte";
import type { Fields } from "../model/blame.ts";
import { define, redefine, type Kind, type Made } from "./requests.ts";
import { Submission } from "./submission.svelte.ts";

interface Page<K extends Kind> {
  kind: K;
  fields: Fields;
  /** Puts what one says into the fields; nothing, for a new one. */
  fill: (item: Made[K] | null) => void;
  /** Lists what there is anew. */
  load: () => void;
}

export class Editor<K extends Kind> {
  readonly form: Submission;
  /** What is being changed; nothing while the form adds. */
  item: Made[K] | null = $state.raw(null);
  heading: HTMLElement | null = $state.raw(null);
  private readonly page: Page<K>;
  private begunBy: HTMLElement | null = null;

  constructor(page: Page<K>) {
    this.page = page;
    this.form = new Submission(page.fields);
  }

  async begin(item: Made[K], button: HTMLElement): Promise<void> {
    [this.item, this.begunBy] = [item, button];
    this.form.clear();
    this.page.fill(item);
    await tick();
    this.heading?.focus();
  }

  /** Gives the change up. */
  async end(): Promise<void> {
    const { begunBy } = this;
    [this.item, this.begunBy] = [null, null];
    this.form.clear();
    this.page.fill(null);
    await tick();
    begunBy?.focus();
  }

  /** What is removed is not changed any more. */
  forget(item: Made[K]): void {
    if (this.item?.id !== item.id) return;
    this.item = null;
    this.form.clear();
    this.page.fill(null);
  }

  async submit(event: SubmitEvent, site: string, what: object): Promise<void> {
    const { item, begunBy } = this;
    const { kind, fill, load } = this.page;
    const isDone = await this.form.submit(
      event,
      () => (item ? redefine(kind, site, item.id, what) : define(kind, site, what)),
      item ? "Saved" : "Added",
    );
    if (!isDone) return;
    [this.item, this.begunBy] = [null, null];
    fill(null);
    load();
    await tick();
    begunBy?.focus();
  }
}
