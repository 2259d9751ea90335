/** The clip's timeline: a still canvas, a moving one above it, and a slider for assistive tools. Click or drag to seek. */
import { type PointerEvent, type ReactNode, useEffect, useRef, useState } from "react";
import type { EventDetail } from "../api/types";
import { NS_PER_S } from "../frames";
import type { Player } from "../player";
import { useTheme } from "../theme";
import { timeAt } from "../timeline";
import { offsetText, preciseClock } from "../times";
import { usePlayerState } from "../usePlayer";
import { words } from "../words";
import { drawPlayhead, drawTimeline, HEIGHT, type Palette, scaleFor } from "./timelineCanvas";

export function Timeline({ event, player }: { event: EventDetail; player: Player }): ReactNode {
  const box = useRef<HTMLDivElement>(null);
  const still = useRef<HTMLCanvasElement>(null);
  const moving = useRef<HTMLCanvasElement>(null);
  const { timeNs } = usePlayerState(player);
  const [hoverNs, setHoverNs] = useState<number | null>(null);
  const width = useWidth(box);
  const theme = useTheme();
  const scale = scaleFor(event.clip_duration_ns, width);

  // biome-ignore lint/correctness/useExhaustiveDependencies: the theme changes the palette; the scale follows from width and event.
  useEffect(() => {
    const pen = penFor(still.current, width);
    if (pen) drawTimeline(pen, scale, event, paletteOf(still.current));
  }, [event, width, theme]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: as above.
  useEffect(() => {
    const pen = penFor(moving.current, width);
    if (pen) drawPlayhead(pen, scale, event, timeNs, hoverNs, paletteOf(moving.current));
  }, [event, width, theme, timeNs, hoverNs]);

  const timeOf = (pointer: PointerEvent<HTMLElement>) =>
    timeAt(scale, pointer.clientX - pointer.currentTarget.getBoundingClientRect().left);
  const clock = preciseClock(new Date(Date.parse(event.clip_start_utc) + timeNs / 1e6));
  return (
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
  );
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

function paletteOf(element: HTMLElement | null): Palette {
  const style = element ? getComputedStyle(element) : null;
  return (name) => style?.getPropertyValue(name).trim() || "#808080";
}
