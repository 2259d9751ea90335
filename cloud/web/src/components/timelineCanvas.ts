/** Draws the timeline of a clip: event band, score with threshold, classes, gaps, ticks; and above them the playhead. */
import type { EventDetail } from "../api/types";
import {
  type GapSpan,
  gapSpans,
  isShown,
  peaks,
  type Scale,
  type Span,
  scoreRuns,
  ticks,
  windowSpans,
  xOf,
} from "../timeline";
import { offsetText } from "../times";
import { words } from "../words";
import { classSlug } from "./SuggestionTag";

export const HEIGHT = 158;
export const GUTTER = 72;
const RIGHT = 12;
const SCORE = { top: 16, bottom: 82 };
const CLASS = { top: 88, height: 11 };
const GAPS = { top: 105, height: 7, step: 12 };
const AXIS = 145;
const STREAMS = ["ir", "depth", "colour"] as const;

type Pen = CanvasRenderingContext2D;
export type Palette = (name: string) => string;

/** Frames are marked one by one from this distance on. */
const FRAME_PX = 5;

export function scaleFor(span: Span, width: number): Scale {
  return { startNs: span.startNs, durationNs: span.lengthNs, left: GUTTER, width: Math.max(1, width - GUTTER - RIGHT) };
}

/** Everything that does not move. */
export function drawTimeline(
  pen: Pen,
  scale: Scale,
  event: EventDetail,
  frames: readonly number[],
  colour: Palette,
): void {
  pen.clearRect(0, 0, scale.left + scale.width + RIGHT, HEIGHT);
  pen.font = "11px system-ui, sans-serif";
  pen.textBaseline = "middle";
  drawEvent(pen, scale, event, colour);
  drawTicks(pen, scale, event, colour);
  drawFrames(pen, scale, frames, colour);
  drawScores(pen, scale, event, colour);
  drawClasses(pen, scale, event, colour);
  for (const [index, stream] of STREAMS.entries()) {
    drawGaps(pen, scale, gapSpans(event.gaps, stream, event.clip_duration_ns), index, colour, stream in event.coverage);
  }
  drawLabels(pen, colour);
}

/** A mark for each frame of the shown stream, once they are far enough apart. */
function drawFrames(pen: Pen, scale: Scale, frames: readonly number[], colour: Palette): void {
  const shown = frames.filter((t) => isShown(scale, t));
  if (shown.length < 1 || scale.width / shown.length < FRAME_PX) return;
  pen.fillStyle = colour("--line-strong");
  for (const t of shown) pen.fillRect(Math.round(xOf(scale, t)), AXIS - 5, 1, 5);
}

function drawEvent(pen: Pen, scale: Scale, event: EventDetail, colour: Palette): void {
  if (event.event_end_ns < (scale.startNs ?? 0) || !isBefore(scale, event.event_start_ns)) return;
  const left = xOf(scale, event.event_start_ns);
  const right = Math.max(left + 2, xOf(scale, event.event_end_ns));
  pen.fillStyle = colour("--event-ground");
  pen.fillRect(left, 4, right - left, AXIS - 6);
  pen.fillStyle = colour("--event-edge");
  pen.fillRect(left, 4, right - left, 3);
  if (isShown(scale, event.event_start_ns)) pen.fillRect(left, 4, 1, AXIS - 6);
  if (isShown(scale, event.event_end_ns)) pen.fillRect(right - 1, 4, 1, AXIS - 6);
}

/** Whether a time lies before the right edge. */
function isBefore(scale: Scale, tNs: number): boolean {
  return tNs < (scale.startNs ?? 0) + scale.durationNs;
}

/** Whether a span has any part among what is shown. */
function touches(scale: Scale, span: { startNs: number; endNs: number }): boolean {
  return span.endNs > (scale.startNs ?? 0) && isBefore(scale, span.startNs);
}

function drawTicks(pen: Pen, scale: Scale, event: EventDetail, colour: Palette): void {
  pen.textAlign = "center";
  const decimals = scale.durationNs < 2e9 ? 2 : scale.durationNs < 12e9 ? 1 : 0;
  for (const t of ticks(scale, event.event_start_ns)) {
    const x = Math.round(xOf(scale, t)) + 0.5;
    pen.fillStyle = colour("--line");
    pen.fillRect(x - 0.5, SCORE.top, 1, AXIS - SCORE.top);
    pen.fillStyle = colour("--text-soft");
    const edge = Math.max(scale.left + 14, Math.min(scale.left + scale.width - 14, x));
    pen.fillText(offsetText(t - event.event_start_ns, decimals), edge, AXIS + 7);
  }
}

/** The scores that are shown, and one more on each side, so that the line goes on to the edge. */
function nearScores<P extends { t_ns: number }>(scale: Scale, scores: readonly P[]): P[] {
  const first = scores.findIndex((score) => score.t_ns >= (scale.startNs ?? 0));
  const after = scores.findIndex((score) => !isBefore(scale, score.t_ns));
  if (first < 0) return [];
  return scores.slice(Math.max(0, first - 1), after < 0 ? undefined : after + 1);
}

function drawScores(pen: Pen, scale: Scale, event: EventDetail, colour: Palette): void {
  const y = (value: number) => SCORE.bottom - value * (SCORE.bottom - SCORE.top);
  pen.fillStyle = colour("--line");
  pen.fillRect(scale.left, SCORE.bottom, scale.width, 1);
  for (const run of scoreRuns(nearScores(scale, event.scores))) {
    const points = peaks(scale, run);
    const first = points[0];
    const last = points[points.length - 1];
    if (!first || !last) continue;
    pen.beginPath();
    for (const point of points) pen.lineTo(point.x, y(point.value));
    pen.strokeStyle = colour("--score");
    pen.lineWidth = 1.5;
    pen.stroke();
    pen.lineTo(last.x, SCORE.bottom);
    pen.lineTo(first.x, SCORE.bottom);
    pen.fillStyle = colour("--score-ground");
    pen.fill();
  }
  if (event.threshold === null) return;
  const level = Math.round(y(event.threshold)) + 0.5;
  pen.setLineDash([4, 4]);
  pen.strokeStyle = colour("--threshold");
  pen.lineWidth = 1;
  pen.beginPath();
  pen.moveTo(scale.left, level);
  pen.lineTo(scale.left + scale.width, level);
  pen.stroke();
  pen.setLineDash([]);
  pen.textAlign = "left";
  pen.fillStyle = colour("--threshold");
  pen.fillText(`${words.review.threshold} ${event.threshold}`, scale.left + 4, level - 7);
}

function drawClasses(pen: Pen, scale: Scale, event: EventDetail, colour: Palette): void {
  pen.fillStyle = colour("--track");
  pen.fillRect(scale.left, CLASS.top, scale.width, CLASS.height);
  for (const span of windowSpans(event.windows, event.clip_duration_ns)) {
    if (!touches(scale, span)) continue;
    const left = xOf(scale, span.startNs);
    pen.globalAlpha = 0.35 + 0.65 * span.probability;
    pen.fillStyle = colour(`--class-${classSlug(span.best)}`);
    pen.fillRect(left, CLASS.top, Math.max(1, xOf(scale, span.endNs) - left - 1), CLASS.height);
  }
  pen.globalAlpha = 1;
}

function drawGaps(
  pen: Pen,
  scale: Scale,
  spans: readonly GapSpan[],
  row: number,
  colour: Palette,
  known: boolean,
): void {
  const top = GAPS.top + row * GAPS.step;
  pen.fillStyle = colour(known ? "--recorded" : "--track");
  pen.fillRect(scale.left, top, scale.width, GAPS.height);
  for (const span of spans.filter((each) => touches(scale, each))) {
    const left = xOf(scale, span.startNs);
    const width = Math.max(2, xOf(scale, span.endNs) - left);
    pen.fillStyle = colour("--ground");
    pen.fillRect(left, top - 1, width, GAPS.height + 2);
    hatch(pen, left, top, width, colour("--gap"));
  }
}

function hatch(pen: Pen, left: number, top: number, width: number, stroke: string): void {
  pen.save();
  pen.beginPath();
  pen.rect(left, top, width, GAPS.height);
  pen.clip();
  pen.strokeStyle = stroke;
  pen.lineWidth = 1.2;
  pen.beginPath();
  for (let x = left - GAPS.height; x < left + width; x += 4) {
    pen.moveTo(x, top + GAPS.height);
    pen.lineTo(x + GAPS.height, top);
  }
  pen.stroke();
  pen.restore();
  pen.strokeStyle = stroke;
  pen.strokeRect(left + 0.5, top + 0.5, width - 1, GAPS.height - 1);
}

function drawLabels(pen: Pen, colour: Palette): void {
  pen.textAlign = "right";
  pen.fillStyle = colour("--text-soft");
  const x = GUTTER - 8;
  pen.fillText(words.review.timelineScore, x, (SCORE.top + SCORE.bottom) / 2);
  pen.fillText("1", x, SCORE.top + 2);
  pen.fillText("0", x, SCORE.bottom - 2);
  pen.fillText(words.review.timelineClass, x, CLASS.top + CLASS.height / 2 + 0.5);
  for (const [index, stream] of STREAMS.entries()) {
    pen.fillText(words.streams[stream] ?? stream, x, GAPS.top + index * GAPS.step + GAPS.height / 2 + 0.5);
  }
}

export interface Moving {
  timeNs: number;
  hoverNs: number | null;
  loop: { fromNs: number; toNs: number } | null;
}

/** The moving part: the loop, the playhead, and the time under the mouse. */
export function drawPlayhead(pen: Pen, scale: Scale, event: EventDetail, at: Moving, colour: Palette): void {
  pen.clearRect(0, 0, scale.left + scale.width + RIGHT, HEIGHT);
  if (at.loop) drawLoop(pen, scale, at.loop, colour);
  if (isShown(scale, at.timeNs)) {
    const x = Math.round(xOf(scale, at.timeNs));
    pen.fillStyle = colour("--playhead");
    pen.fillRect(x - 1, 2, 2, AXIS - 2);
    pen.beginPath();
    pen.moveTo(x - 5, 1);
    pen.lineTo(x + 5, 1);
    pen.lineTo(x, 8);
    pen.fill();
  }
  if (at.hoverNs !== null) drawHover(pen, scale, event, at.hoverNs, colour);
}

function drawLoop(pen: Pen, scale: Scale, loop: { fromNs: number; toNs: number }, colour: Palette): void {
  if (!touches(scale, { startNs: loop.fromNs, endNs: loop.toNs })) return;
  const [left, right] = [xOf(scale, loop.fromNs), xOf(scale, loop.toNs)];
  pen.fillStyle = colour("--accent");
  pen.fillRect(left, SCORE.top - 7, Math.max(2, right - left), 3);
  for (const edge of [loop.fromNs, loop.toNs])
    if (isShown(scale, edge)) pen.fillRect(Math.round(xOf(scale, edge)) - 1, SCORE.top - 7, 2, AXIS - SCORE.top);
}

function drawHover(pen: Pen, scale: Scale, event: EventDetail, hoverNs: number, colour: Palette): void {
  const x = Math.round(xOf(scale, hoverNs));
  pen.fillStyle = colour("--text-soft");
  pen.fillRect(x, SCORE.top - 4, 1, AXIS - SCORE.top + 4);
  const text = offsetText(hoverNs - event.event_start_ns, scale.durationNs < 12e9 ? 2 : 1);
  pen.font = "11px system-ui, sans-serif";
  pen.textBaseline = "middle";
  const width = pen.measureText(text).width + 10;
  const left = Math.max(scale.left, Math.min(scale.left + scale.width - width, x - width / 2));
  pen.fillStyle = colour("--raised");
  pen.fillRect(left, AXIS - 1, width, 14);
  pen.fillStyle = colour("--text");
  pen.textAlign = "left";
  pen.fillText(text, left + 5, AXIS + 7);
}
