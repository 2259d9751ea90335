/** Spans for pulls: from the fields of the form to UTC, or to the sentence that says what is wrong. Pure. */
import { pullWords } from "./pullWords";

const LONGEST_MS = 3_600_000;
const STEP_MS = 10_000;

export interface Span {
  startUtc: string;
  endUtc: string;
  lengthS: number;
}

/** What a field of type datetime-local holds: the viewer's own time, to the second. */
export function localValue(moment: Date): string {
  const local = new Date(moment.getTime() - moment.getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 19);
}

/** The span of two such fields, or one sentence on what is wrong with it. */
export function spanOf(from: string, to: string, now: Date): Span | string {
  const start = Date.parse(from);
  const end = Date.parse(to);
  if (Number.isNaN(start) || Number.isNaN(end)) return pullWords.noTime;
  if (end <= start) return pullWords.wrongEnd;
  if (end - start > LONGEST_MS) return pullWords.tooLong;
  if (end > now.getTime()) return pullWords.notOver;
  const utc = (ms: number) => new Date(ms).toISOString();
  return { startUtc: utc(start), endUtc: utc(end), lengthS: (end - start) / 1000 };
}

/** An hour as a span that can be asked for: its part that is over. */
export function hourSpan(startUtc: string, now: Date): { from: Date; to: Date } {
  const from = new Date(startUtc);
  return { from, to: new Date(Math.min(from.getTime() + LONGEST_MS, now.getTime() - 1_000)) };
}

/** What the span bar shows: an hour before the hour in which the span begins, that hour, and the one after. */
export function barWindow(from: Date): { startMs: number; endMs: number } {
  const hour = Math.floor(from.getTime() / LONGEST_MS) * LONGEST_MS;
  return { startMs: hour - LONGEST_MS, endMs: hour + 2 * LONGEST_MS };
}

/** A drag from one moment to another as a span: by ten seconds, at most an hour from where it began, over by now. */
export function draggedSpan(anchorMs: number, toMs: number, now: Date): { from: Date; to: Date } {
  const near = Math.max(anchorMs - LONGEST_MS, Math.min(anchorMs + LONGEST_MS, toMs));
  const [first, last] = near < anchorMs ? [near, anchorMs] : [anchorMs, near];
  const newest = now.getTime() - 1_000;
  const start = Math.min(Math.round(first / STEP_MS) * STEP_MS, newest - STEP_MS);
  const end = Math.min(Math.max(Math.round(last / STEP_MS) * STEP_MS, start + STEP_MS), newest);
  return { from: new Date(start), to: new Date(end) };
}

/** Whether the bed, that said how many hours it holds, should still hold this moment; null where it never said. */
export function heldAt(momentMs: number, ringHours: number | null, now: Date): boolean | null {
  return ringHours === null ? null : now.getTime() - momentMs <= ringHours * LONGEST_MS;
}

/** A clip's span with `byS` seconds more at one end; or why there is none: its end is not over yet, or it is over an hour. */
export function longerSpan(
  startUtc: string,
  lengthS: number,
  end: "earlier" | "later",
  byS: number,
  now: Date,
): Span | "future" | "long" {
  const start = Date.parse(startUtc) - (end === "earlier" ? byS * 1000 : 0);
  const stop = Date.parse(startUtc) + (lengthS + (end === "later" ? byS : 0)) * 1000;
  if (stop > now.getTime()) return "future";
  if (stop - start > LONGEST_MS) return "long";
  const utc = (ms: number) => new Date(ms).toISOString();
  return { startUtc: utc(start), endUtc: utc(stop), lengthS: (stop - start) / 1000 };
}

export type Tone = "good" | "bad" | "calm";

export function toneOf(standing: string): Tone {
  if (standing === "stored") return "good";
  return ["nothing", "refused", "expired"].includes(standing) ? "bad" : "calm";
}
