/** The clip's timeline: a still canvas, a moving one above it, a slider for assistive tools. Click or drag to seek, wheel to zoom. */
import { type PointerEvent, type ReactNode, useEffect, useRef, useState } from "react";
import type { EventDetail } from "../api/types";
import { frameAt, NS_PER_S } from "../frames";
import type { Player } from "../player";
import { useTheme } from "../theme";
import { spanWith, timeAt } from "../timeline";
import { offsetText, preciseClock } from "../times";
import { usePlayerState } from "../usePlayer";
import type { Zoom } from "../useZoom";
import { words } from "../words";
import { TimelineThumb } from "./TimelineThumb";
import { drawPlayhead, drawTimeline, HEIGHT, type Palette, scaleFor } from "./timelineCanvas";
import { ZoomButtons } from "./ZoomButtons";

const WHEEL_STEP = 1.25;

interface TimelineProps {
  event: EventDetail;
  player: Player;
  zoom: Zoom;
}

export function Timeline({ event, player, zoom }: TimelineProps): ReactNode {
  const box = useRef<HTMLDivElement>(null);
  const still = useRef<HTMLCanvasElement>(null);
  const moving = useRef<HTMLCanvasElement>(null);
  const { timeNs, loop, stream, playing } = usePlayerState(player);
  const [hoverNs, setHoverNs] = useState<number | null>(null);
  const width = useWidth(box);
  const theme = useTheme();
  const { span } = zoom;
  const scale = scaleFor(span, width);
  useFollow(zoom, event.clip_duration_ns, timeNs, playing);
  useWheel(box, zoom, (x) => timeAt(scale, x));

  // biome-ignore lint/correctness/useExhaustiveDependencies: the theme changes the palette; the scale follows from width and span.
  useEffect(() => {
    const pen = penFor(still.current, width);
    if (pen) drawTimeline(pen, scale, event, player.frames(stream), paletteOf(still.current, theme));
  }, [event, width, theme, span, stream, player]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: as above.
  useEffect(() => {
    const pen = penFor(moving.current, width);
    if (pen) drawPlayhead(pen, scale, event, { timeNs, hoverNs, loop }, paletteOf(moving.current, theme));
  }, [event, width, theme, span, timeNs, hoverNs, loop]);

  const timeOf = (pointer: PointerEvent<HTMLElement>) =>
    timeAt(scale, pointer.clientX - pointer.currentTarget.getBoundingClientRect().left);
  const clock = preciseClock(new Date(Date.parse(event.clip_start_utc) + timeNs / 1e6));
  return (
    <div className="timeline-place">
      <div
        ref={box}
        className="timeline"
        role="slider"
        tabIndex={0}
        aria-label={words.review.timeline}
        aria-valuemin={0}
        aria-valuemax={Math.round(event.clip_duration_ns / NS_PER_S)}
        aria-valuenow={Math.round(timeNs / NS_PER_S)}
        aria-valuetext={words.review.position(offsetText(timeNs - event.event_start_ns), clock)}
        data-testid="timeline"
        data-length={span.lengthNs}
        onPointerDown={(pointer) => {
          pointer.currentTarget.setPointerCapture(pointer.pointerId);
          player.seek(timeOf(pointer));
        }}
        onPointerMove={(pointer) => {
          setHoverNs(timeOf(pointer));
          if (pointer.buttons & 1) player.seek(timeOf(pointer));
        }}
        onPointerLeave={() => setHoverNs(null)}
      >
        <canvas ref={still} />
        <canvas ref={moving} />
      </div>
      <ZoomButtons zoom={zoom} player={player} />
      {hoverNs !== null && (
        <TimelineThumb
          player={player}
          frame={frameAt(player.frames(stream), hoverNs)}
          stream={stream}
          x={(hoverNs - span.startNs) / Math.max(1, span.lengthNs)}
          onsetNs={event.event_start_ns}
        />
      )}
    </div>
  );
}

/** While it plays, what is shown turns the page with the playhead. */
function useFollow(zoom: Zoom, durationNs: number, timeNs: number, playing: boolean): void {
  useEffect(() => {
    const wanted = spanWith(zoom.span, durationNs, timeNs);
    if (playing && wanted !== zoom.span) zoom.move(wanted.startNs - zoom.span.startNs);
  }, [zoom, durationNs, timeNs, playing]);
}

/** The wheel zooms about the pointer; held with Shift, or turned sideways, it moves along the clip. */
function useWheel(box: { current: HTMLElement | null }, zoom: Zoom, timeOf: (x: number) => number): void {
  const latest = useRef({ zoom, timeOf });
  useEffect(() => {
    latest.current = { zoom, timeOf };
  });
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const turned = (event: WheelEvent) => {
      event.preventDefault();
      const { zoom: now, timeOf: at } = latest.current;
      const along = event.shiftKey ? event.deltaY : event.deltaX;
      if (Math.abs(along) > Math.abs(event.shiftKey ? 0 : event.deltaY))
        return now.move((Math.sign(along) * now.span.lengthNs) / 8);
      now.by(event.deltaY > 0 ? WHEEL_STEP : 1 / WHEEL_STEP, at(event.clientX - element.getBoundingClientRect().left));
    };
    element.addEventListener("wheel", turned, { passive: false });
    return () => element.removeEventListener("wheel", turned);
  }, [box]);
}

/** The width of an element in CSS pixels, followed as it changes. */
function useWidth(box: { current: HTMLElement | null }): number {
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const observer = new ResizeObserver(() => setWidth(Math.floor(element.clientWidth)));
    observer.observe(element);
    return () => observer.disconnect();
  }, [box]);
  return width;
}

/** A pen for sharp lines on any screen; null until the element has a size. */
function penFor(canvas: HTMLCanvasElement | null, width: number): CanvasRenderingContext2D | null {
  if (!canvas || width === 0) return null;
  const ratio = window.devicePixelRatio || 1;
  const [across, down] = [Math.round(width * ratio), Math.round(HEIGHT * ratio)];
  if (canvas.width !== across || canvas.height !== down) {
    canvas.width = across;
    canvas.height = down;
  }
  const pen = canvas.getContext("2d");
  pen?.setTransform(ratio, 0, 0, ratio, 0, 0);
  return pen;
}

/** The colours of one theme, each looked up once: asking for a style makes the browser work out the whole page's. */
let known = { theme: "", colours: new Map<string, string>() };

function paletteOf(element: HTMLElement | null, theme: string): Palette {
  if (known.theme !== theme) known = { theme, colours: new Map() };
  const { colours } = known;
  return (name) => {
    const colour =
      colours.get(name) ?? ((element && getComputedStyle(element).getPropertyValue(name).trim()) || "#808080");
    colours.set(name, colour);
    return colour;
  };
}
