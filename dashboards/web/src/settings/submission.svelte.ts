// One form on its way to the server: whether it is busy, what was refused and by which field, what was done.
//
// Invariant: what was typed stays until the server has taken it.

import { tick } from "svelte";
import { Refused, wordsFor } from "../api/client.ts";
import { blamed, type Fields } from "../model/blame.ts";

export class Submission {
  busy = $state(false);
  /** What is wrong with which field. */
  faults: Record<string, string> = $state({});
  /** What is wrong, whichever field it is about. */
  problem = $state("");
  done = $state("");
  private readonly fields: Fields;

  constructor(fields: Fields = {}) {
    this.fields = fields;
  }

  /** As if nothing had been submitted yet. */
  clear(): void {
    [this.faults, this.problem, this.done] = [{}, "", ""];
  }

  /** Does what a form is for, once at a time; afterwards says `done`, or what was refused. Whether it was done. */
  async run(work: () => Promise<unknown>, done = ""): Promise<boolean> {
    if (this.busy) return false;
    [this.busy, this.faults, this.problem, this.done] = [true, {}, "", ""];
    try {
      await work();
      this.done = done;
      return true;
    } catch (error) {
      this.refuse(error);
      return false;
    } finally {
      this.busy = false;
    }
  }

  /** The same for what a form submits. */
  submit(event: SubmitEvent, work: () => Promise<unknown>, done = ""): Promise<boolean> {
    event.preventDefault();
    const form = event.currentTarget;
    return this.run(work, done).then(async (isDone) => {
      await tick();
      if (!isDone && form instanceof HTMLElement) form.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
      return isDone;
    });
  }

  private refuse(error: unknown): void {
    const said = error instanceof Refused && error.message ? error.message : wordsFor(error);
    const { field, words } = blamed(said, this.fields);
    if (field) this.faults = { [field]: words };
    else this.problem = words;
  }
}
