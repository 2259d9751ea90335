/**
 * Raw depth of a clip by frame number. In: the event, the times of the depth video's frames. Out: pictures in mm. Asked for in
 * runs of a second ahead of the playhead, two at a time; a bounded number is kept. Bytes by docs/contracts/http-api.md.
 */
import { Problem } from "../api/client";

const RUN = 30;
const HEAD_BYTES = 16;
const KEPT_BYTES = 96 * 1024 * 1024;
const AT_ONCE = 2;
const PATIENCE_MS = 30_000;
const RETRY_MS = 2_000;

export interface DepthPicture {
  frame: number;
  width: number;
  height: number;
  step: number;
  mm: Uint16Array;
}

/** The pictures of one answer. Throws RangeError for bytes that are cut. */
export function picturesOf(body: ArrayBuffer): DepthPicture[] {
  const view = new DataView(body);
  const found: DepthPicture[] = [];
  for (let at = 0; at < body.byteLength; ) {
    const [width, height, step] = [4, 6, 8].map((field) => view.getUint16(at + field, true)) as [
      number,
      number,
      number,
    ];
    const bytes = view.getUint32(at + 12, true);
    if (bytes !== 2 * width * height) throw new RangeError("a picture of another length than its size");
    found.push({
      frame: view.getUint32(at, true),
      width,
      height,
      step,
      mm: new Uint16Array(body, at + HEAD_BYTES, width * height),
    });
    at += HEAD_BYTES + bytes;
  }
  return found;
}

/** A picture's place among those kept; a step is at most 8. */
function nameOf(frame: number, step: number): number {
  return frame * 16 + step;
}

export type DepthNews = (fault: "none" | "away" | Problem) => void;

export class DepthFrames {
  private readonly kept = new Map<number, DepthPicture | null>();
  private readonly asked = new Set<string>();
  private bytes = 0;
  private pausedUntilMs = 0;
  private stopped: Problem | null = null;

  constructor(
    private readonly eventId: string,
    private readonly count: number,
    private readonly came: () => void,
    private readonly news: DepthNews,
  ) {}

  /** The picture if it is here; null: it never will be, its record is damaged; undefined: not yet. */
  get(frame: number, step: number): DepthPicture | null | undefined {
    const name = nameOf(frame, step);
    const found = this.kept.get(name);
    if (found) {
      this.kept.delete(name);
      this.kept.set(name, found);
    }
    return found;
  }

  /** Sees to it that this frame comes, and those after it in this direction; 0: this one alone. */
  want(frame: number, step: number, direction: 1 | 0 | -1): void {
    const run = Math.floor(frame / RUN);
    if (direction === 0) this.ask(frame, 1, step);
    else for (const each of [run, run + direction]) this.ask(each * RUN, RUN, step);
  }

  private ask(first: number, count: number, step: number): void {
    const name = `${step}/${first}+${count}`;
    const last = Math.min(first + count, this.count);
    if (first < 0 || first >= this.count || this.stopped || this.asked.has(name) || this.asked.size >= AT_ONCE) return;
    if (performance.now() < this.pausedUntilMs) return;
    let missing = false;
    for (let frame = first; frame < last; frame++) missing ||= !this.kept.has(nameOf(frame, step));
    if (!missing) return;
    this.asked.add(name);
    this.fetch(first, last - first, step)
      .then((found) => this.keep(first, last, step, found))
      .then(() => this.news("none"))
      .catch((fault: unknown) => this.failed(fault))
      .finally(() => {
        this.asked.delete(name);
        this.came();
      });
  }

  private async fetch(first: number, count: number, step: number): Promise<DepthPicture[]> {
    const query = new URLSearchParams({ first: String(first), count: String(count), step: String(step) });
    const url = `/api/v1/events/${encodeURIComponent(this.eventId)}/depth?${query}`;
    const answer = await fetch(url, { credentials: "same-origin", signal: AbortSignal.timeout(PATIENCE_MS) });
    if (answer.ok) return picturesOf(await answer.arrayBuffer());
    const body = (await answer.json().catch(() => ({}))) as { detail?: string };
    throw new Problem(answer.status, body.detail ?? "", body);
  }

  private keep(first: number, last: number, step: number, found: DepthPicture[]): void {
    const byFrame = new Map(found.map((picture) => [picture.frame, picture]));
    for (let frame = first; frame < last; frame++) {
      const picture = byFrame.get(frame) ?? null;
      this.kept.set(nameOf(frame, step), picture);
      this.bytes += picture?.mm.byteLength ?? 0;
    }
    for (const [name, picture] of this.kept) {
      if (this.bytes <= KEPT_BYTES) return;
      this.kept.delete(name);
      this.bytes -= picture?.mm.byteLength ?? 0;
    }
  }

  private failed(fault: unknown): void {
    this.pausedUntilMs = performance.now() + RETRY_MS;
    const final = fault instanceof Problem && fault.status < 500;
    if (final) this.stopped = fault;
    this.news(final ? fault : "away");
    if (!final) setTimeout(this.came, RETRY_MS + 50);
  }
}
