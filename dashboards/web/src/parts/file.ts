// A file on its way from the server: how much of it is here, and whether it is whole.

/** Of what has come, so much is handed to the browser at a time, which keeps it wherever it has room. */
const PIECE_BYTES = 4 * 1024 * 1024;

/** How far a download is; the whole is unknown where the server does not say how long it will be. */
export interface Progress {
  bytes: number;
  whole: number | null;
}

/**
 * Reads a body to its end. One that breaks off is thrown: the browser says so of a body that ends before HTTP does, and here
 * of one that is shorter than its head has said.
 */
export async function received(response: Response, onprogress: (progress: Progress) => void): Promise<Blob> {
  const length = response.headers.get("content-length");
  // A length says nothing where what it is of was packed on the way.
  const whole = length !== null && !response.headers.has("content-encoding") ? Number(length) : null;
  const reader = response.body?.getReader();
  const pieces: Blob[] = [];
  let fresh: Uint8Array<ArrayBuffer>[] = [];
  let [bytes, kept] = [0, 0];
  for (;;) {
    const { done = true, value } = (await reader?.read()) ?? {};
    if (done || !value) break;
    fresh.push(value);
    bytes += value.length;
    if (bytes - kept >= PIECE_BYTES) {
      pieces.push(new Blob(fresh));
      [fresh, kept] = [[], bytes];
    }
    onprogress({ bytes, whole });
  }
  if (whole !== null && bytes !== whole) throw new TypeError("broken off");
  return new Blob([...pieces, ...fresh], { type: response.headers.get("content-type") ?? "" });
}
