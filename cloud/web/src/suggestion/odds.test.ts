import { expect, test } from "vitest";
import { leaning, timesText, traceOf } from "./odds";

test("a ratio below one speaks for the other answer by its inverse", () => {
  expect(leaning(8.5)).toEqual({ towards: 0, times: 8.5 });
  expect(leaning(0.05)).toEqual({ towards: 1, times: 20 });
  expect(leaning(1).towards).toBeNull();
});

test("times are short", () => {
  expect([7.7, 16.666, 1 / 0.05, 50, 100].map(timesText)).toEqual(["7.7", "16.7", "20", "50", "100"]);
});

test("a window stands at its middle, and a class it does not name lies at the bottom", () => {
  const windows = [
    { start_ns: 0, probabilities: { FLE: 0.75 } },
    { start_ns: 2, probabilities: { TLE: 1 } },
  ];
  expect(traceOf(windows, "FLE", 2, 4)).toEqual([
    { x: 0.25, y: 0.25 },
    { x: 0.75, y: 1 },
  ]);
});
