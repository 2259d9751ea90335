import { describe, expect, it } from "vitest";
import { nightSpan } from "./api/desk";
import { countText, lastNights, toggled } from "./worklist";

describe("nights", () => {
  it("begin at noon: before noon the newest one began yesterday", () => {
    expect(lastNights(new Date(2026, 4, 1, 9), 3)).toEqual(["2026-04-28", "2026-04-29", "2026-04-30"]);
    expect(lastNights(new Date(2026, 4, 1, 13), 2)).toEqual(["2026-04-30", "2026-05-01"]);
  });

  it("reach from noon to noon of this computer's time, over a month's end too", () => {
    const span = nightSpan("2026-04-30");
    expect(new Date(span.since)).toEqual(new Date(2026, 3, 30, 12));
    expect(new Date(span.until)).toEqual(new Date(2026, 4, 1, 12));
  });
});

describe("counts and selections", () => {
  it("say where counting stopped", () => {
    expect([countText(999), countText(1000)]).toEqual(["999", "1000+"]);
  });

  it("take an event in and out without touching the set before", () => {
    const one = toggled(new Set(), "a");
    expect([...toggled(one, "a")]).toEqual([]);
    expect([...one]).toEqual(["a"]);
  });
});
