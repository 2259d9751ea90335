/** Frame index <-> time: the index is the truth, at any spacing of frames, across gaps, after any rounding of a container. */
import { describe, expect, it } from "vitest";
import { clampFrame, frameAt, frameOfMedia, NS_PER_S, seekSecond } from "./frames";

/** 30 frames a second with 2 ms of jitter, and 4 s without frames after frame 450, seen from 70 ms after the clip's start. */
function unevenTimes(): number[] {
  const times: number[] = [];
  let t = 70_000_000;
  for (let k = 0; k < 900; k++) {
    times.push(t);
    t += k === 450 ? 4 * NS_PER_S : 33_333_333 + ((k * 7919) % 4_000_001) - 2_000_000;
  }
  return times;
}

describe("frames", () => {
  it("shows the last frame taken at or before a time", () => {
    const times = [100, 200, 300];
    expect([99, 100, 199, 200, 1000].map((t) => frameAt(times, t))).toEqual([0, 0, 0, 1, 2]);
  });

  it("finds no frame in a proxy without frames", () => {
    expect(frameAt([], 5)).toBe(-1);
    expect(frameOfMedia([], 0.5)).toBe(-1);
  });

  it("holds the frame before a gap until the gap ends", () => {
    const times = unevenTimes();
    const last = times[450] as number;
    expect(frameAt(times, last + 3.9 * NS_PER_S)).toBe(450);
    expect(frameAt(times, times[451] as number)).toBe(451);
  });

  it("comes back to the same frame from every seek, though containers round to 1/90000 s", () => {
    const times = unevenTimes();
    for (let k = 0; k < times.length; k++) {
      const sought = seekSecond(times, k);
      const starts = times.map((t) => Math.round((t - (times[0] as number)) * 9e-5) / 90_000);
      const presented = starts[frameAt(starts, sought)] as number;
      expect(frameOfMedia(times, presented)).toBe(k);
    }
  });

  it("seeks inside the last frame and never past it by more than a moment", () => {
    expect(seekSecond([0, 40_000_000], 1)).toBeCloseTo(0.048, 6);
    expect(seekSecond([0], 0)).toBeCloseTo(0.008, 6);
  });

  it("keeps a frame index inside the proxy", () => {
    expect([clampFrame([1, 2], -3), clampFrame([1, 2], 9)]).toEqual([0, 1]);
  });
});
