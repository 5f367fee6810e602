// Server-sent events out of the pieces of text that they come in. Of an event its data is kept; comments say nothing.

export class EventReader {
  /** How long to wait before the next stream, in milliseconds, once this one has said so. */
  retry: number | null = null;
  private rest = "";

  /** The data of each event that this piece completes. */
  read(piece: string): string[] {
    const blocks = (this.rest + piece).split("\n\n");
    this.rest = blocks.pop() ?? "";
    return blocks.flatMap((block) => this.block(block));
  }

  private block(block: string): string[] {
    const data: string[] = [];
    for (const line of block.split("\n")) {
      const [, field = "", value = ""] = /^([^:]*):? ?(.*)$/.exec(line) ?? [];
      if (field === "data") data.push(value);
      if (field === "retry" && /^\d+$/.test(value)) this.retry = Number(value);
    }
    return data.length > 0 ? [data.join("\n")] : [];
  }
}
