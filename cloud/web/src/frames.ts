/**
 * Frame index <-> time of one proxy. In: the capture times of its frames, ns since the clip's start, ascending.
 * The frame index is the truth: frame k was taken at times[k] and is shown from media second (times[k] - times[0]) / 1e9.
 */
export const NS_PER_S = 1_000_000_000;

/** A seek lands this far into a frame, so that rounding in the container never shows the frame before. */
const INTO_FRAME_NS = 8_000_000;

/** The last frame taken at or before `tNs`; the first frame for an earlier time; -1 when there is no frame at all. */
export function frameAt(times: readonly number[], tNs: number): number {
  let low = 0;
  let high = times.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((times[middle] as number) <= tNs) low = middle;
    else high = middle - 1;
  }
  return high < 0 ? -1 : low;
}

/** Keeps a frame index inside the proxy. */
export function clampFrame(times: readonly number[], frame: number): number {
  return Math.max(0, Math.min(times.length - 1, frame));
}

/** The media second to seek to so that frame k is the one on the screen. */
export function seekSecond(times: readonly number[], frame: number): number {
  const k = clampFrame(times, frame);
  const first = times[0] ?? 0;
  const start = times[k] ?? first;
  const next = times[k + 1] ?? start + 2 * INTO_FRAME_NS;
  return (start - first + Math.min(INTO_FRAME_NS, (next - start) / 2)) / NS_PER_S;
}

/** The frame that a browser says it presents at this media second; containers round, so the nearest start wins. */
export function frameOfMedia(times: readonly number[], mediaSecond: number): number {
  const t = (times[0] ?? 0) + mediaSecond * NS_PER_S;
  const before = frameAt(times, t);
  const next = times[before + 1];
  if (before < 0 || next === undefined) return before;
  return next - t < t - (times[before] as number) ? before + 1 : before;
}

/** Clip time of a media second, ns. */
export function clipTime(times: readonly number[], mediaSecond: number): number {
  return (times[0] ?? 0) + mediaSecond * NS_PER_S;
}
