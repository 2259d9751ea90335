/** A bed's last day by hour, ready to draw: for one stream, what was recorded, lost and not wanted of each hour. */
import type { BedHour } from "./api/types";

export const HOURS_SHOWN = 24;

export interface HourBar {
  startUtc: string;
  /** Shares of the hour, stacked from below; what is left is time before the first or after the newest record. */
  recorded: number;
  lost: number;
  notWanted: number;
  /** Recorded of wanted; null where nothing was wanted or nothing is known. */
  coverage: number | null;
  /** Seconds by cause, the longest first; a cause of "" is time that nothing explains. */
  causes: [cause: string, seconds: number][];
}

/** The hours of one stream, oldest first, at most the last 24 and the one that is not over; a missing hour is empty. */
export function hourBars(hours: readonly BedHour[], stream: string): HourBar[] {
  const last = hours.at(-1);
  if (!last) return [];
  const known = new Map(hours.map((hour) => [Date.parse(hour.start_utc), hour]));
  const end = Date.parse(last.start_utc);
  return Array.from({ length: HOURS_SHOWN + 1 }, (_, k) => {
    const start = end - (HOURS_SHOWN - k) * 3_600_000;
    return barOf(new Date(start).toISOString(), known.get(start), stream);
  });
}

function barOf(startUtc: string, hour: BedHour | undefined, stream: string): HourBar {
  const told = hour?.streams[stream];
  if (!told) return { startUtc, recorded: 0, lost: 0, notWanted: 0, coverage: null, causes: [] };
  const lost = Math.max(0, told.wanted - told.recorded);
  const named = sum(Object.values(told.lost));
  const causes: [string, number][] = [...Object.entries(told.lost), ...Object.entries(told.not_wanted)];
  causes.push(["", Math.max(0, lost - named)]);
  return {
    startUtc,
    recorded: told.recorded,
    lost,
    notWanted: sum(Object.values(told.not_wanted)),
    coverage: told.wanted > 0 ? told.recorded / told.wanted : null,
    causes: longest(causes.map(([cause, share]) => [cause, share * 3600])),
  };
}

/** Coverage of all hours together, and what was lost or not wanted by cause, the longest first. */
export function dayOf(bars: readonly HourBar[]): { coverage: number | null; causes: [string, number][] } {
  const wanted = sum(bars.map((bar) => bar.recorded + bar.lost));
  const seconds = new Map<string, number>();
  for (const [cause, each] of bars.flatMap((bar) => bar.causes)) seconds.set(cause, (seconds.get(cause) ?? 0) + each);
  return {
    coverage: wanted > 0 ? sum(bars.map((bar) => bar.recorded)) / wanted : null,
    causes: longest([...seconds]),
  };
}

/** Shares come to a ten-thousandth of an hour: below that there is nothing to tell. */
function longest(causes: [string, number][]): [string, number][] {
  return causes.filter(([, seconds]) => seconds >= 0.5).sort((a, b) => b[1] - a[1]);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
