/** A bed's last 24 hours, a bar an hour and stream: recorded from below, lost above it, not wanted in between; causes in words. */
import type { ReactNode } from "react";
import type { Bed } from "../api/types";
import { dayOf, type HourBar, hourBars } from "../hours";
import { lengthText, percentText } from "../times";
import { words } from "../words";

const WIDTH = 4;
const HEIGHT = 16;
const hourClock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });

export function HourBars({ bed, streams }: { bed: Bed; streams: readonly string[] }): ReactNode {
  const told = streams.map((stream) => ({ stream, bars: hourBars(bed.coverage_hours, stream) }));
  const shown = told
    .filter(({ bars }) => bars.some((bar) => bar.causes.length > 0 || bar.recorded > 0))
    .map((each) => ({ ...each, ...dayOf(each.bars) }))
    .map((each) => ({ ...each, text: causesText(each.causes) }));
  if (shown.length === 0) return null;
  return (
    <div data-testid="coverage-hours">
      <h3>{words.beds.day}</h3>
      {shown.map((day, index) => (
        // Streams are mostly lost together: what is the same for the next one is said below it.
        <Day key={day.stream} {...day} text={day.text === shown[index + 1]?.text ? "" : day.text} />
      ))}
    </div>
  );
}

interface DayProps {
  stream: string;
  bars: HourBar[];
  coverage: number | null;
  text: string;
}

function Day({ stream, bars, coverage, text }: DayProps): ReactNode {
  return (
    <div className="day">
      <div className="coverage">
        <span className="coverage-name">{words.streams[stream] ?? stream}</span>
        <svg
          className="hours"
          viewBox={`0 0 ${bars.length * WIDTH} ${HEIGHT}`}
          preserveAspectRatio="none"
          role="img"
          aria-label={words.beds.dayLabel(words.streams[stream] ?? stream)}
        >
          {bars.map((bar, index) => (
            <Hour key={bar.startUtc} bar={bar} left={index * WIDTH} />
          ))}
        </svg>
        <span className="figure">{coverage === null ? "–" : percentText(coverage)}</span>
      </div>
      {text && <p className="soft small causes">{text}</p>}
    </div>
  );
}

function Hour({ bar, left }: { bar: HourBar; left: number }): ReactNode {
  const recorded = bar.recorded * HEIGHT;
  const notWanted = bar.notWanted * HEIGHT;
  // A loss of a few seconds would be thinner than a pixel, and must be seen all the same.
  const lost = bar.lost > 0 ? Math.max(1, bar.lost * HEIGHT) : 0;
  const width = WIDTH - 0.6;
  return (
    <g>
      <title>{hourText(bar)}</title>
      <rect className="hour-ground" x={left} width={width} height={HEIGHT} />
      <rect className="hour-recorded" x={left} y={HEIGHT - recorded} width={width} height={recorded} />
      <rect className="hour-unwanted" x={left} y={HEIGHT - recorded - notWanted} width={width} height={notWanted} />
      <rect className="hour-lost" x={left} y={0} width={width} height={lost} />
    </g>
  );
}

function hourText(bar: HourBar): string {
  const from = new Date(bar.startUtc);
  const span = `${hourClock.format(from)}–${hourClock.format(new Date(from.getTime() + 3_600_000))}`;
  const share = bar.coverage === null ? words.beds.nothingWanted : percentText(bar.coverage);
  return bar.causes.length > 0 ? `${span}: ${share}. ${causesText(bar.causes)}` : `${span}: ${share}`;
}

function causesText(causes: [string, number][]): string {
  return causes.map(([cause, seconds]) => `${lengthText(seconds)}: ${words.gapCause(cause)}`).join("; ");
}
