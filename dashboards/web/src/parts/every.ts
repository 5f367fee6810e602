// Does something again and again, while somebody can see it; a turn begins when the one before has ended.

/** Returns what ends it. What fails is tried again at the next turn. */
export function everyWhileSeen(milliseconds: number, work: (signal: AbortSignal) => Promise<void>): () => void {
  const ended = new AbortController();
  let timer: ReturnType<typeof setTimeout>;
  const turn = async () => {
    clearTimeout(timer);
    if (!document.hidden) await work(ended.signal).catch(() => {});
    if (!ended.signal.aborted) timer = setTimeout(() => void turn(), milliseconds);
  };
  const seen = () => {
    if (!document.hidden) void turn();
  };
  document.addEventListener("visibilitychange", seen, { signal: ended.signal });
  void turn();
  return () => {
    clearTimeout(timer);
    ended.abort();
  };
}
