/** What comes after a verdict, and where the selection lands. */
import { describe, expect, it } from "vitest";
import { moveSelection, nextOpen } from "./next";

const item = (event_id: string, my_verdict: string | null = null) => ({ event_id, my_verdict });
const RANKED = [item("a"), item("b"), item("c", "unsure"), item("d")];

describe("an event that somebody else works on", () => {
  const taken = { event_id: "a", my_verdict: null, claim: { mine: false, expired: false } };

  it("is not the next one, unless the claim ran out or is mine", () => {
    const free = { event_id: "b", my_verdict: null };
    expect(nextOpen([taken, free], "x", new Set())).toBe("b");
    expect(nextOpen([{ ...taken, claim: { mine: false, expired: true } }, free], "x", new Set())).toBe("a");
    expect(nextOpen([{ ...taken, claim: { mine: true, expired: false } }, free], "x", new Set())).toBe("a");
  });
});

describe("the next event", () => {
  it("is the most urgent other one without my verdict", () => {
    expect(nextOpen(RANKED, "a", new Set())).toBe("b");
    expect(nextOpen(RANKED, "b", new Set())).toBe("a");
    expect(nextOpen([item("c", "rejected"), item("d")], "x", new Set())).toBe("d");
  });

  it("is not one that was passed over while others are left", () => {
    expect(nextOpen(RANKED, "b", new Set(["a"]))).toBe("d");
  });

  it("is one that was passed over when nothing else is left", () => {
    expect(nextOpen(RANKED, "d", new Set(["a", "b"]))).toBe("a");
  });

  it("is none when all are judged", () => {
    expect(nextOpen([item("a"), item("b", "confirmed")], "a", new Set())).toBeNull();
  });
});

describe("the selection", () => {
  it("stays inside the list and starts at its top", () => {
    expect([moveSelection(0, -1, 3), moveSelection(2, 1, 3), moveSelection(1, 1, 3)]).toEqual([0, 2, 2]);
    expect([moveSelection(-1, 1, 3), moveSelection(0, 1, 0)]).toEqual([0, -1]);
  });
});
