/** Three hours of a bed around the chosen span: what was recorded, what is gone from its disk, and the span, which a drag chooses. */
import { type PointerEvent, type ReactNode, useRef } from "react";
import type { Bed } from "../api/types";
import { hourBars } from "../hours";
import { barWindow, draggedSpan, heldAt } from "../pulls";
import { pullWords } from "../pullWords";

const HOUR_MS = 3_600_000;
const WIDTH = 720;
const HEIGHT = 40;
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });

interface SpanBarProps {
  bed: Bed;
  from: Date;
  to: Date;
  onChoose: (from: Date, to: Date) => void;
}

export function SpanBar({ bed, from, to, onChoose }: SpanBarProps): ReactNode {
  const held = useRef<{ anchorMs: number; startMs: number } | null>(null);
  const now = new Date();
  // the window stands still under a drag, whichever way it goes
  const startMs = held.current?.startMs ?? barWindow(from).startMs;
  const placeOf = (ms: number) => ((ms - startMs) / (3 * HOUR_MS)) * WIDTH;
  const hours = hourBars(bed.coverage_hours, "depth").filter(
    (bar) => Math.abs(placeOf(Date.parse(bar.startUtc))) < WIDTH,
  );
  const goneUntil = bed.ring_hours === null ? startMs : now.getTime() - bed.ring_hours * HOUR_MS;
  const momentOf = (event: PointerEvent<SVGSVGElement>) => {
    const box = event.currentTarget.getBoundingClientRect();
    return startMs + ((event.clientX - box.left) / box.width) * 3 * HOUR_MS;
  };
  const drag = (event: PointerEvent<SVGSVGElement>) => {
    if (!held.current) return;
    const chosen = draggedSpan(held.current.anchorMs, momentOf(event), now);
    onChoose(chosen.from, chosen.to);
  };
  const label = pullWords.bar(clock.format(from), clock.format(to), heldAt(from.getTime(), bed.ring_hours, now));
  return (
    <figure className="span-bar">
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={label}
        data-testid="span-bar"
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          held.current = { anchorMs: momentOf(event), startMs };
        }}
        onPointerMove={drag}
        onPointerUp={(event) => {
          drag(event);
          held.current = null;
        }}
        onPointerCancel={() => {
          held.current = null;
        }}
      >
        <rect className="hour-ground" width={WIDTH} height={HEIGHT} />
        {hours.map((bar) => (
          <rect
            key={bar.startUtc}
            className="hour-recorded"
            x={placeOf(Date.parse(bar.startUtc))}
            y={HEIGHT * (1 - bar.recorded)}
            width={WIDTH / 3 - 1}
            height={HEIGHT * bar.recorded}
          />
        ))}
        {placeOf(goneUntil) > 0 && (
          <rect className="span-gone" width={Math.min(WIDTH, placeOf(goneUntil))} height={HEIGHT} />
        )}
        <rect
          className="span-chosen"
          x={placeOf(from.getTime())}
          width={Math.max(2, placeOf(to.getTime()) - placeOf(from.getTime()))}
          height={HEIGHT}
        />
      </svg>
      <figcaption className="soft small">
        {[0, 1, 2, 3].map((hour) => (
          <span key={hour}>{clock.format(new Date(startMs + hour * HOUR_MS))}</span>
        ))}
      </figcaption>
    </figure>
  );
}
