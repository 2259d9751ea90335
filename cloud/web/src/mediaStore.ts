/**
 * Bytes of videos, in memory and never on the disk. In: the address of a video, a span. Out: the bytes. A video that was fetched
 * ahead is held whole, up to a bound; of others only the spans that are asked for travel.
 */

/** A larger video is never fetched ahead. */
export const WHOLE_LIMIT_BYTES = 48 * 1024 * 1024;
/** All videos that are held whole; the one that was not asked for the longest goes first. */
const HELD_LIMIT_BYTES = 160 * 1024 * 1024;
const PATIENCE_MS = 20_000;

/** The server did not answer, or broke off: asking again may help. */
export class Away extends Error {}

const held = new Map<string, Blob>();
const coming = new Map<string, Promise<void>>();

async function ask(url: string, range: string, signal?: AbortSignal): Promise<Response> {
  const patience = AbortSignal.timeout(PATIENCE_MS);
  const answer = await fetch(url, {
    credentials: "same-origin",
    headers: { Range: range, "X-DeepEpil-Background": "1" },
    signal: signal ? AbortSignal.any([signal, patience]) : patience,
  }).catch(() => {
    throw new Away(url);
  });
  if (answer.status >= 500) throw new Away(url);
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}`);
  return answer;
}

/** Bytes [start, end) of the video, fewer where it ends before. Throws Away when the server does not answer. */
export async function spanOf(url: string, start: number, end: number): Promise<Uint8Array<ArrayBuffer>> {
  const whole = heldOf(url);
  if (whole) return new Uint8Array(await whole.slice(start, end).arrayBuffer());
  const answer = await ask(url, `bytes=${start}-${end - 1}`);
  const bytes = await answer.arrayBuffer().catch(() => {
    throw new Away(url);
  });
  return new Uint8Array(answer.status === 206 ? bytes : bytes.slice(start, end));
}

/** The video if it is held whole. */
export function heldOf(url: string): Blob | undefined {
  const found = held.get(url);
  if (found) {
    held.delete(url);
    held.set(url, found);
  }
  return found;
}

/** Fetches a video whole, once; one that is too large or does not come is left alone. */
export function fetchAhead(url: string, signal?: AbortSignal): Promise<void> {
  if (held.has(url)) return Promise.resolve();
  const before = coming.get(url);
  if (before) return before;
  const work = fetchWhole(url, signal)
    .catch(() => undefined)
    .finally(() => coming.delete(url));
  coming.set(url, work);
  return work;
}

async function fetchWhole(url: string, signal?: AbortSignal): Promise<void> {
  const answer = await ask(url, `bytes=0-${WHOLE_LIMIT_BYTES - 1}`, signal);
  const length = Number(answer.headers.get("content-range")?.split("/")[1] ?? answer.headers.get("content-length"));
  if (!(length <= WHOLE_LIMIT_BYTES)) return void answer.body?.cancel();
  const blob = new Blob([await answer.arrayBuffer()], { type: "video/mp4" });
  if (blob.size === length) keep(url, blob);
}

function keep(url: string, blob: Blob): void {
  held.set(url, blob);
  let total = [...held.values()].reduce((sum, one) => sum + one.size, 0);
  for (const [oldest, one] of held) {
    if (total <= HELD_LIMIT_BYTES) return;
    held.delete(oldest);
    total -= one.size;
  }
}

/** Lets go of everything: somebody else signed in. */
export function forgetVideos(): void {
  held.clear();
}
