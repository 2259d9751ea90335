/** The network's shares window by window along the clip, a line a class, with the event's span behind them. */
import type { ReactNode } from "react";
import type { EventDetail } from "../api/types";
import { classSlug } from "../components/SuggestionTag";
import { suggestionWords } from "../suggestionWords";
import { offsetText } from "../times";
import { words } from "../words";
import { traceOf } from "./odds";

const WIDTH = 280;
const HEIGHT = 44;
const WINDOW_NS = 2_000_000_000;

export function Trace({ event, best }: { event: EventDetail; best: string }): ReactNode {
  const { windows, clip_duration_ns: clipNs, event_start_ns: startNs, event_end_ns: endNs } = event;
  if (windows.length < 2) return null;
  const names = [...new Set(windows.flatMap((one) => Object.keys(one.probabilities)))];
  const left = (startNs / clipNs) * WIDTH;
  const wide = Math.max(1, ((endNs - startNs) / clipNs) * WIDTH);
  return (
    <figure className="trace">
      <figcaption className="soft small">{suggestionWords.trace}</figcaption>
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={suggestionWords.traceLabel(words.className(best))}
      >
        <rect className="trace-event" x={left} width={wide} height={HEIGHT} />
        {names.map((name) => (
          <polyline
            key={name}
            className={`trace-line trace-${classSlug(name)}`}
            points={traceOf(windows, name, WINDOW_NS, clipNs)
              .map((at) => `${(at.x * WIDTH).toFixed(1)},${(1 + at.y * (HEIGHT - 2)).toFixed(1)}`)
              .join(" ")}
          />
        ))}
      </svg>
      <div className="trace-ends soft small">
        <span>{offsetText(-startNs, 0)}</span>
        <span>{offsetText(clipNs - startNs, 0)} min</span>
      </div>
    </figure>
  );
}
