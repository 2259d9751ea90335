/** How a bed's clocks run, in one line for people. In: the bed. Out: camera against box, box against the world, faults. */
import type { Bed } from "./api/types";
import { words } from "./words";

export function clockLine(bed: Pick<Bed, "clock">): string {
  const clock = bed.clock;
  if (!clock) return words.beds.notSaid;
  const faults = Object.values(clock.faults).reduce((total, count) => total + count, 0);
  const parts = [driftText(clock.device_drift_ppm), wallText(clock.utc_error_ms)];
  if (faults > 0) parts.push(words.beds.clockFaults(faults));
  return parts.join("; ");
}

function driftText(ppm: number | null): string {
  if (ppm === null) return words.beds.driftUnknown;
  const whole = Math.round(ppm);
  return whole === 0 ? words.beds.driftNone : words.beds.drift(whole);
}

function wallText(errorMs: number | null): string {
  if (errorMs === null) return words.beds.wallUnknown;
  return words.beds.wall(errorMs < 1000 ? `${Math.max(1, Math.ceil(errorMs))} ms` : `${(errorMs / 1000).toFixed(1)} s`);
}
