import { describe, expect, it } from "vitest";
import { hourSpan, localValue, spanOf, toneOf } from "./pulls";
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

it("tells by its tone what has come and what will never come", () => {
  expect(["stored", "arriving", "nothing", "expired"].map(toneOf)).toEqual(["good", "calm", "bad", "bad"]);
});
