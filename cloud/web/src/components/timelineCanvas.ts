/** Draws the timeline of a clip: event band, score with threshold, classes, gaps, ticks; and above them the playhead. */
import type { EventDetail } from "../api/types";
import { type GapSpan, gapSpans, peaks, type Scale, scoreRuns, ticks, windowSpans, xOf } from "../timeline";
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

export function scaleFor(durationNs: number, width: number): Scale {
  return { durationNs, left: GUTTER, width: Math.max(1, width - GUTTER - RIGHT) };
}

/** Everything that does not move. */
export function drawTimeline(pen: Pen, scale: Scale, event: EventDetail, colour: Palette): void {
  pen.clearRect(0, 0, scale.left + scale.width + RIGHT, HEIGHT);
  pen.font = "11px system-ui, sans-serif";
  pen.textBaseline = "middle";
  drawEvent(pen, scale, event, colour);
  drawTicks(pen, scale, event, colour);
  drawScores(pen, scale, event, colour);
  drawClasses(pen, scale, event, colour);
  for (const [index, stream] of STREAMS.entries()) {
    drawGaps(pen, scale, gapSpans(event.gaps, stream, event.clip_duration_ns), index, colour, stream in event.coverage);
  }
  drawLabels(pen, colour);
}

function drawEvent(pen: Pen, scale: Scale, event: EventDetail, colour: Palette): void {
  const left = xOf(scale, event.event_start_ns);
  const right = Math.max(left + 2, xOf(scale, event.event_end_ns));
  pen.fillStyle = colour("--event-ground");
  pen.fillRect(left, 4, right - left, AXIS - 6);
  pen.fillStyle = colour("--event-edge");
  pen.fillRect(left, 4, right - left, 3);
  pen.fillRect(left, 4, 1, AXIS - 6);
  pen.fillRect(right - 1, 4, 1, AXIS - 6);
}

function drawTicks(pen: Pen, scale: Scale, event: EventDetail, colour: Palette): void {
  pen.textAlign = "center";
  for (const t of ticks(scale, event.event_start_ns)) {
    const x = Math.round(xOf(scale, t)) + 0.5;
    pen.fillStyle = colour("--line");
    pen.fillRect(x - 0.5, SCORE.top, 1, AXIS - SCORE.top);
    pen.fillStyle = colour("--text-soft");
    const edge = Math.max(scale.left + 14, Math.min(scale.left + scale.width - 14, x));
    pen.fillText(offsetText(t - event.event_start_ns, 0), edge, AXIS + 7);
  }
}

function drawScores(pen: Pen, scale: Scale, event: EventDetail, colour: Palette): void {
  const y = (value: number) => SCORE.bottom - value * (SCORE.bottom - SCORE.top);
  pen.fillStyle = colour("--line");
  pen.fillRect(scale.left, SCORE.bottom, scale.width, 1);
  for (const run of scoreRuns(event.scores)) {
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
  for (const span of spans) {
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

/** The moving part: the playhead, and the time under the mouse. */
export function drawPlayhead(
  pen: Pen,
  scale: Scale,
  event: EventDetail,
  timeNs: number,
  hoverNs: number | null,
  colour: Palette,
): void {
  pen.clearRect(0, 0, scale.left + scale.width + RIGHT, HEIGHT);
  const x = Math.round(xOf(scale, timeNs));
  pen.fillStyle = colour("--playhead");
  pen.fillRect(x - 1, 2, 2, AXIS - 2);
  pen.beginPath();
  pen.moveTo(x - 5, 1);
  pen.lineTo(x + 5, 1);
  pen.lineTo(x, 8);
  pen.fill();
  if (hoverNs === null) return;
  const at = Math.round(xOf(scale, hoverNs));
  pen.fillStyle = colour("--text-soft");
  pen.fillRect(at, SCORE.top - 4, 1, AXIS - SCORE.top + 4);
  const text = offsetText(hoverNs - event.event_start_ns);
  pen.font = "11px system-ui, sans-serif";
  pen.textBaseline = "middle";
  const width = pen.measureText(text).width + 10;
  const left = Math.max(scale.left, Math.min(scale.left + scale.width - width, at - width / 2));
  pen.fillStyle = colour("--raised");
  pen.fillRect(left, AXIS - 1, width, 14);
  pen.fillStyle = colour("--text");
  pen.textAlign = "left";
  pen.fillText(text, left + 5, AXIS + 7);
}
