import { describe, expect, it } from "vitest";
import { barWindow, draggedSpan, heldAt, hourSpan, localValue, spanOf, toneOf } from "./pulls";
import { pullWords } from "./pullWords";

const NOW = new Date("2026-11-22T12:00:00Z");
const at = (minutes: number) => localValue(new Date(NOW.getTime() + minutes * 60_000));

describe("a span to pull", () => {
  it("is told in UTC, to the second", () => {
    expect(spanOf(at(-20), at(-5), NOW)).toEqual({
      startUtc: "2026-11-22T11:40:00.000Z",
      endUtc: "2026-11-22T11:55:00.000Z",
      lengthS: 900,
    });
  });

  it.each([
    ["", at(-5), pullWords.noTime],
    [at(-5), at(-5), pullWords.wrongEnd],
    [at(-66), at(-5), pullWords.tooLong],
    [at(-5), at(1), pullWords.notOver],
  ])("from %s to %s is refused in a sentence", (from, to, sentence) => {
    expect(spanOf(from, to, NOW)).toBe(sentence);
  });

  it("of an hour that is not over ends before now", () => {
    const span = hourSpan("2026-11-22T11:30:00Z", NOW);
    expect(spanOf(localValue(span.from), localValue(span.to), NOW)).toHaveProperty("lengthS", 1799);
  });
});

describe("a span dragged on the bar", () => {
  const ms = (minutes: number) => NOW.getTime() + minutes * 60_000;
  const told = (a: number, b: number) => {
    const { from, to } = draggedSpan(ms(a), ms(b), NOW);
    return [from, to].map((one) => (one.getTime() - NOW.getTime()) / 1_000);
  };

  it("goes either way, by ten seconds, and is at most an hour from where it began", () => {
    expect(told(-30, -20.05)).toEqual([-1_800, -1_200]);
    expect(told(-20, -30)).toEqual([-1_800, -1_200]);
    expect(told(-90, 0)).toEqual([-5_400, -1_800]);
  });

  it("is never empty and never of what is not over", () => {
    expect(told(-5, -5)).toEqual([-300, -290]);
    expect(told(-5, 5)).toEqual([-300, -1]);
  });

  it("stands in a window of three hours around its beginning", () => {
    const { startMs, endMs } = barWindow(new Date("2026-11-22T10:20:00Z"));
    expect([startMs, endMs].map((one) => new Date(one).toISOString())).toEqual([
      "2026-11-22T09:00:00.000Z",
      "2026-11-22T12:00:00.000Z",
    ]);
  });

  it("is held by the bed as long as the bed said", () => {
    expect([-60, -121].map((minutes) => heldAt(ms(minutes), 2, NOW))).toEqual([true, false]);
    expect(heldAt(ms(-60), null, NOW)).toBeNull();
  });
});

it("tells by its tone what has come and what will never come", () => {
  expect(["stored", "arriving", "nothing", "expired"].map(toneOf)).toEqual(["good", "calm", "bad", "bad"]);
});
