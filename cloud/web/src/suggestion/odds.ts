/** Odds and ratios for people: which answer they speak for, and how many times. Pure. */

export interface Leaning {
  /** 0: the first answer, 1: the second, null: neither. */
  towards: 0 | 1 | null;
  times: number;
}

const EVEN_WITHIN = 0.005;

/** A likelihood ratio or odds below 1 speak for the second answer, by their inverse. */
export function leaning(ratio: number): Leaning {
  if (Math.abs(Math.log(ratio)) < EVEN_WITHIN) return { towards: null, times: 1 };
  return ratio > 1 ? { towards: 0, times: ratio } : { towards: 1, times: 1 / ratio };
}

/** `7.7`, `16.7`, `50`: two figures below ten, whole numbers from twenty. */
export function timesText(times: number): string {
  return times >= 20 ? String(Math.round(times)) : String(Math.round(times * 10) / 10);
}

/** A picture's points from windows: x by time, y down from 1 to 0; a class that a window does not name has no share there. */
export function traceOf(
  windows: readonly { start_ns: number; probabilities: Record<string, number> }[],
  name: string,
  windowNs: number,
  clipNs: number,
): { x: number; y: number }[] {
  return windows.map((one) => ({
    x: Math.min(1, (one.start_ns + windowNs / 2) / Math.max(1, clipNs)),
    y: 1 - (one.probabilities[name] ?? 0),
  }));
}
