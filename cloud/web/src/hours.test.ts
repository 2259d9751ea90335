import { describe, expect, it } from "vitest";
import type { BedHour } from "./api/types";
import { dayOf, HOURS_SHOWN, hourBars } from "./hours";

const hour = (start_utc: string, ir: Partial<BedHour["streams"][string]>): BedHour => ({
  start_utc,
  streams: { ir: { recorded: 1, wanted: 1, lost: {}, not_wanted: {}, ...ir } },
});

describe("the hours of a bed", () => {
  const hours = [
    hour("2026-11-22T01:00:00Z", { recorded: 0.75, wanted: 1, lost: { bus: 0.1, disk: 0.05 } }),
    hour("2026-11-22T03:00:00Z", { recorded: 0.5, wanted: 0.5, not_wanted: { privacy_pause: 0.5 } }),
  ];

  it("end with the newest one and leave unknown ones empty", () => {
    const bars = hourBars(hours, "ir");
    expect(bars).toHaveLength(HOURS_SHOWN + 1);
    expect(bars.at(-1)?.startUtc).toBe("2026-11-22T03:00:00.000Z");
    expect(bars.at(-2)).toMatchObject({ recorded: 0, coverage: null, causes: [] });
    expect(bars[0]?.startUtc).toBe("2026-11-21T03:00:00.000Z");
  });

  it("name each cause in seconds, the longest first, and what nothing explains", () => {
    const bar = hourBars(hours, "ir").at(-3);
    expect(bar?.causes.map(([cause, seconds]) => [cause, Math.round(seconds)])).toEqual([
      ["bus", 360],
      ["", 360],
      ["disk", 180],
    ]);
    expect(bar?.coverage).toBe(0.75);
  });

  it("never count a pause as lost", () => {
    const bar = hourBars(hours, "ir").at(-1);
    expect(bar).toMatchObject({ coverage: 1, lost: 0, notWanted: 0.5 });
  });

  it("add up to a day of recorded over wanted", () => {
    const day = dayOf(hourBars(hours, "ir"));
    expect(day.coverage).toBeCloseTo(1.25 / 1.5);
    expect(day.causes[0]).toEqual(["privacy_pause", 1800]);
  });

  it("are none where the bed told none or lacks the stream", () => {
    expect(hourBars([], "ir")).toEqual([]);
    expect(dayOf(hourBars(hours, "colour"))).toEqual({ coverage: null, causes: [] });
  });
});
