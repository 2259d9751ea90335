/** Geometry of the timeline, without a canvas: time <-> pixel, ticks, score columns, class windows, gap bands. Times in ns. */
import { NS_PER_S } from "./frames";

const TICK_STEPS_S = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600];
const WINDOW_NS = 2 * NS_PER_S;

/** The timeline never shows less than this: a few frames. */
const CLOSEST_NS = NS_PER_S / 5;

/** The part of the clip that is shown. */
export interface Span {
  startNs: number;
  lengthNs: number;
}

export function wholeSpan(durationNs: number): Span {
  return { startNs: 0, lengthNs: durationNs };
}

/** The span times `factor`, inside the clip; the moment `atNs` keeps its place on the screen as far as the clip's ends allow. */
export function spanAround(span: Span, durationNs: number, factor: number, atNs: number): Span {
  const lengthNs = Math.round(Math.min(durationNs, Math.max(CLOSEST_NS, span.lengthNs * factor)));
  const inside = atNs >= span.startNs && atNs <= span.startNs + span.lengthNs;
  const share = inside && span.lengthNs > 0 ? (atNs - span.startNs) / span.lengthNs : 0.5;
  return spanMoved({ startNs: atNs - share * lengthNs, lengthNs }, durationNs, 0);
}

/** The span moved along the clip, never over its ends. */
export function spanMoved(span: Span, durationNs: number, byNs: number): Span {
  const last = Math.max(0, durationNs - span.lengthNs);
  return { startNs: Math.round(Math.max(0, Math.min(last, span.startNs + byNs))), lengthNs: span.lengthNs };
}

/** The span that holds the playhead: the same one while it is inside, else a page further. */
export function spanWith(span: Span, durationNs: number, tNs: number): Span {
  if (tNs >= span.startNs && tNs <= span.startNs + span.lengthNs) return span;
  return spanMoved({ startNs: tNs - 0.1 * span.lengthNs, lengthNs: span.lengthNs }, durationNs, 0);
}

export interface Scale {
  /** Time at the left edge; 0 where it is not given. */
  startNs?: number;
  /** Length of what is shown. */
  durationNs: number;
  left: number;
  width: number;
}

/** Pixel of a time; what is shown fills [left, left + width], all else lies at its edges. */
export function xOf(scale: Scale, tNs: number): number {
  const share = scale.durationNs > 0 ? (tNs - (scale.startNs ?? 0)) / scale.durationNs : 0;
  return scale.left + Math.max(0, Math.min(1, share)) * scale.width;
}

/** Whether a time is among what is shown. */
export function isShown(scale: Scale, tNs: number): boolean {
  const start = scale.startNs ?? 0;
  return tNs >= start && tNs <= start + scale.durationNs;
}

/** Time under a pixel, kept inside what is shown. */
export function timeAt(scale: Scale, x: number): number {
  const share = scale.width > 0 ? (x - scale.left) / scale.width : 0;
  return Math.round((scale.startNs ?? 0) + Math.max(0, Math.min(1, share)) * scale.durationNs);
}

/** Tick times at round distances from `originNs` (the onset), at least `minPixels` apart. */
export function ticks(scale: Scale, originNs: number, minPixels = 72): number[] {
  if (scale.durationNs <= 0 || scale.width <= 0) return [];
  const wantedS = (minPixels / scale.width) * (scale.durationNs / NS_PER_S);
  const stepNs = (TICK_STEPS_S.find((step) => step >= wantedS) ?? Math.ceil(wantedS / 3600) * 3600) * NS_PER_S;
  const start = scale.startNs ?? 0;
  const found: number[] = [];
  const first = originNs - Math.floor((originNs - start) / stepNs) * stepNs;
  for (let t = first; t <= start + scale.durationNs; t += stepNs) found.push(Math.round(t));
  return found;
}

/** Runs of scores that belong together: a pause longer than `breakNs` starts a new run, so nothing is drawn across it. */
export function scoreRuns<P extends { t_ns: number }>(scores: readonly P[], breakNs = 2 * NS_PER_S): P[][] {
  const runs: P[][] = [];
  let before: P | undefined;
  for (const score of scores) {
    if (before === undefined || score.t_ns - before.t_ns > breakNs) runs.push([]);
    runs[runs.length - 1]?.push(score);
    before = score;
  }
  return runs;
}

/** At most one point a pixel column: the highest score wins, because a short peak must never vanish. */
export function peaks(scale: Scale, run: readonly { t_ns: number; value: number }[]): { x: number; value: number }[] {
  const columns: { x: number; value: number }[] = [];
  for (const { t_ns, value } of run) {
    const x = Math.round(xOf(scale, t_ns) * 2) / 2;
    const last = columns[columns.length - 1];
    if (last && last.x === x) last.value = Math.max(last.value, value);
    else columns.push({ x, value });
  }
  return columns;
}

/** When the score next rises to the threshold after a moment; undefined when it does not. */
export function nextRise(
  scores: readonly { t_ns: number; value: number }[],
  threshold: number,
  afterNs: number,
): number | undefined {
  return scores.find(
    ({ t_ns, value }, k) => t_ns > afterNs && value >= threshold && (scores[k - 1]?.value ?? 0) < threshold,
  )?.t_ns;
}

export interface WindowSpan {
  startNs: number;
  endNs: number;
  best: string;
  probability: number;
}

/** Each classified window as a span up to the next one (2 s at most), with its likeliest class. */
export function windowSpans(
  windows: readonly { start_ns: number; probabilities: Record<string, number> }[],
  durationNs: number,
): WindowSpan[] {
  return windows.flatMap((window, index) => {
    const top = bestOf(window.probabilities);
    if (!top) return [];
    const next = windows[index + 1]?.start_ns ?? Number.POSITIVE_INFINITY;
    const endNs = Math.min(window.start_ns + WINDOW_NS, next, durationNs);
    return [{ startNs: window.start_ns, endNs, best: top.name, probability: top.probability }];
  });
}

/** The likeliest class; undefined when there is none. */
export function bestOf(probabilities: Record<string, number>): { name: string; probability: number } | undefined {
  let top: { name: string; probability: number } | undefined;
  for (const [name, probability] of Object.entries(probabilities)) {
    if (!top || probability > top.probability) top = { name, probability };
  }
  return top;
}

export interface GapSpan {
  startNs: number;
  endNs: number;
  causes: string[];
  /** Only some of its pictures are missing. */
  scattered: boolean;
}

/** The gaps of one stream cut to the clip, in order of time, overlapping ones of a kind joined. */
export function gapSpans(
  gaps: readonly { stream: string; cause: string; start_ns: number; end_ns: number; share: number }[],
  stream: string,
  durationNs: number,
): GapSpan[] {
  const spans: GapSpan[] = [];
  const own = gaps.filter((gap) => gap.stream === stream).sort((a, b) => a.start_ns - b.start_ns);
  for (const gap of own) {
    const startNs = Math.max(0, gap.start_ns);
    const endNs = Math.min(durationNs, gap.end_ns);
    if (endNs <= startNs) continue;
    const scattered = gap.share < 1;
    const last = spans.findLast((span) => span.scattered === scattered);
    if (last && startNs <= last.endNs) {
      last.endNs = Math.max(last.endNs, endNs);
      if (!last.causes.includes(gap.cause)) last.causes.push(gap.cause);
    } else spans.push({ startNs, endNs, causes: [gap.cause], scattered });
  }
  return spans;
}

/** The gap that covers a time, if any; one without any picture before one with some. */
export function gapAt(spans: readonly GapSpan[], tNs: number): GapSpan | undefined {
  const here = spans.filter((span) => span.startNs <= tNs && tNs < span.endNs);
  return here.find((span) => !span.scattered) ?? here[0];
}
