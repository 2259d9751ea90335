/** Times as people read them. */
import { describe, expect, it } from "vitest";
import { ageText, hoursText, lengthText, offsetText, percentText, utcText } from "./times";

describe("texts", () => {
  it("say how far from the onset, with its sign and its minute", () => {
    expect([-30e9, 0, 12.44e9, 59.96e9, 75e9].map((ns) => offsetText(ns))).toEqual([
      "−0:30.0",
      "0:00.0",
      "+0:12.4",
      "+1:00.0",
      "+1:15.0",
    ]);
    expect([offsetText(-90e9, 0), offsetText(0, 0)]).toEqual(["−1:30", "0:00"]);
  });

  it("round an age down", () => {
    expect([-4, 59, 119, 7199, 49 * 3600].map(ageText)).toEqual(["0 s", "59 s", "1 min", "1 h", "2 d"]);
  });

  it("give a length in minutes and seconds", () => {
    expect([41.6, 60, 80].map(lengthText)).toEqual(["42 s", "1 min", "1 min 20 s"]);
  });

  it("never call an incomplete share 100 %", () => {
    expect([0, 0.204, 0.9999, 1].map(percentText)).toEqual(["0 %", "20 %", "99 %", "100 %"]);
  });

  it("give spans of the disk in the unit that fits", () => {
    expect([0.5, 61.4, 75.6, 95.7].map(hoursText)).toEqual(["30 min", "61 h", "3 d 4 h", "4 d"]);
  });

  it("give UTC to the second", () => {
    expect(utcText(new Date("2026-11-22T03:12:45.678Z"))).toBe("2026-11-22 03:12:45 UTC");
  });
});
