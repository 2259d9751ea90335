/** Geometry of the timeline: nothing is drawn where nothing is known, and nothing short is lost. */
import { describe, expect, it } from "vitest";
import { NS_PER_S } from "./frames";
import {
  bestOf,
  gapAt,
  gapSpans,
  isShown,
  nextRise,
  peaks,
  type Scale,
  scoreRuns,
  spanAround,
  spanMoved,
  spanWith,
  ticks,
  timeAt,
  wholeSpan,
  windowSpans,
  xOf,
} from "./timeline";

const SCALE: Scale = { durationNs: 100 * NS_PER_S, left: 50, width: 1000 };
const s = (seconds: number) => seconds * NS_PER_S;

describe("scale", () => {
  it("maps a time to a pixel and back", () => {
    expect(xOf(SCALE, s(25))).toBe(300);
    expect(timeAt(SCALE, 300)).toBe(s(25));
  });

  it("keeps a pointer outside the clip inside it", () => {
    expect([timeAt(SCALE, -5), timeAt(SCALE, 5000)]).toEqual([0, s(100)]);
  });

  it("survives a clip without length", () => {
    const point = { ...SCALE, durationNs: 0 };
    expect([xOf(point, 10), timeAt(point, 400), ticks(point, 0).length]).toEqual([50, 0, 0]);
  });
});

describe("zoom", () => {
  const whole = wholeSpan(s(100));

  it("keeps the moment under the pointer where it is", () => {
    const near = spanAround(whole, s(100), 0.1, s(40));
    expect(near.lengthNs).toBe(s(10));
    expect((s(40) - near.startNs) / near.lengthNs).toBeCloseTo(0.4);
  });

  it("ends at a few frames on one side and the whole clip on the other", () => {
    let span = whole;
    for (let k = 0; k < 40; k++) span = spanAround(span, s(100), 0.5, s(99));
    expect(span.lengthNs).toBe(s(0.2));
    for (let k = 0; k < 40; k++) span = spanAround(span, s(100), 2, s(99));
    expect(span).toEqual(whole);
  });

  it("never leaves the clip, and follows the playhead", () => {
    const near = { startNs: s(10), lengthNs: s(5) };
    expect([spanMoved(near, s(100), -s(60)).startNs, spanMoved(near, s(100), s(600)).startNs]).toEqual([0, s(95)]);
    expect(spanWith(near, s(100), s(12))).toBe(near);
    expect(spanWith(near, s(100), s(50)).startNs).toBe(s(49.5));
  });

  it("draws what lies outside at the edges, and knows that it is outside", () => {
    const scale = { startNs: s(10), durationNs: s(5), left: 50, width: 1000 };
    expect([xOf(scale, s(9)), xOf(scale, s(12.5)), xOf(scale, s(99))]).toEqual([50, 550, 1050]);
    expect([s(9), s(12), s(16)].map((t) => isShown(scale, t))).toEqual([false, true, false]);
    expect(timeAt(scale, 550)).toBe(s(12.5));
    expect(ticks(scale, s(33))[0]).toBeGreaterThanOrEqual(s(10));
  });
});

describe("the next candidate", () => {
  const scores = [0.1, 0.8, 0.9, 0.2, 0.7].map((value, t) => ({ t_ns: s(t), value }));

  it("is where the score rises to the threshold, not where it stays above", () => {
    expect([-1, 1, 4].map((t) => nextRise(scores, 0.7, s(t)))).toEqual([s(1), s(4), undefined]);
  });
});

describe("ticks", () => {
  it("stand at round distances from the onset, also before it", () => {
    expect(ticks(SCALE, s(33)).map((t) => (t - s(33)) / NS_PER_S)).toEqual([-30, -20, -10, 0, 10, 20, 30, 40, 50, 60]);
  });

  it("keep their distance on a narrow screen", () => {
    const found = ticks({ ...SCALE, width: 200 }, 0);
    expect(((found[1] as number) / SCALE.durationNs) * 200).toBeGreaterThanOrEqual(72);
  });
});

describe("scores", () => {
  it("are not joined across a silence", () => {
    const runs = scoreRuns([0, 1, 2, 6, 7].map((t) => ({ t_ns: s(t), value: 0.5 })));
    expect(runs.map((run) => run.length)).toEqual([3, 2]);
  });

  it("keep a peak that is shorter than a pixel", () => {
    const run = Array.from({ length: 20_000 }, (_, k) => ({ t_ns: k * s(0.005), value: k === 12_345 ? 0.9 : 0.1 }));
    const columns = peaks(SCALE, run);
    expect(columns.length).toBeLessThanOrEqual(2 * SCALE.width + 1);
    expect(Math.max(...columns.map((column) => column.value))).toBe(0.9);
  });
});

describe("class windows", () => {
  it("last two seconds, until the next window or the clip's end", () => {
    const windows = [0, 1, 9].map((start) => ({ start_ns: s(start), probabilities: { FLE: 0.2, TLE: 0.8 } }));
    expect(windowSpans(windows, s(10)).map((span) => [span.startNs, span.endNs].map((t) => t / NS_PER_S))).toEqual([
      [0, 1],
      [1, 3],
      [9, 10],
    ]);
  });

  it("carry their likeliest class", () => {
    expect(bestOf({ FLE: 0.3, TLE: 0.6, "non-epileptic": 0.1 })).toEqual({ name: "TLE", probability: 0.6 });
    expect(bestOf({})).toBeUndefined();
  });
});

describe("gaps", () => {
  const gaps = [
    { stream: "ir", cause: "restart", start_ns: s(20), end_ns: s(25), share: 1 },
    { stream: "ir", cause: "source", start_ns: s(24), end_ns: s(30), share: 1 },
    { stream: "depth", cause: "disk", start_ns: s(1), end_ns: s(2), share: 1 },
    { stream: "ir", cause: "power", start_ns: -s(5), end_ns: s(3), share: 1 },
  ];

  it("are those of one stream, cut to the clip, overlapping ones joined with both causes", () => {
    expect(gapSpans(gaps, "ir", s(28))).toEqual([
      { startNs: 0, endNs: s(3), causes: ["power"], scattered: false },
      { startNs: s(20), endNs: s(28), causes: ["restart", "source"], scattered: false },
    ]);
  });

  it("with pictures between are kept apart and give way to one without any", () => {
    const scattered = { stream: "ir", cause: "bus", start_ns: s(18), end_ns: s(28), share: 0.3 };
    const spans = gapSpans([scattered, ...gaps], "ir", s(28));
    expect(spans).toContainEqual({ startNs: s(18), endNs: s(28), causes: ["bus"], scattered: true });
    expect([gapAt(spans, s(19))?.causes, gapAt(spans, s(21))?.causes]).toEqual([["bus"], ["restart", "source"]]);
  });

  it("are found at a time, their end not included", () => {
    const spans = gapSpans(gaps, "depth", s(28));
    expect([gapAt(spans, s(1))?.causes, gapAt(spans, s(2))]).toEqual([["disk"], undefined]);
  });
});
