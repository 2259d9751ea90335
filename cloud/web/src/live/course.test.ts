import { describe, expect, it } from "vitest";
import { GONE_MS, JOIN_LIMIT_MS, STILL_MS, shownAt } from "./course";

describe("what a page shows of a view", () => {
  it("joins until the first picture, and gives up when none comes", () => {
    expect(shownAt({ answeredMs: null, pictureMs: null, factMs: null }, 99_000).kind).toBe("joining");
    expect(shownAt({ answeredMs: 0, pictureMs: null, factMs: null }, JOIN_LIMIT_MS).kind).toBe("joining");
    expect(shownAt({ answeredMs: 0, pictureMs: null, factMs: null }, JOIN_LIMIT_MS + 1)).toMatchObject({
      cause: "never_joined",
    });
  });

  it("is live, then stands still, then is gone, by the age of the last picture", () => {
    const at = (age: number) => shownAt({ answeredMs: 0, pictureMs: 1_000, factMs: null }, 1_000 + age);
    expect(at(STILL_MS).kind).toBe("live");
    expect(at(STILL_MS + 1)).toEqual({ kind: "still", seconds: 2 });
    expect(at(GONE_MS).kind).toBe("still");
    expect(at(GONE_MS + 1)).toMatchObject({ kind: "over", cause: "gone" });
  });

  it("does not call a bed gone that is heard of: its camera is silent", () => {
    const at = (age: number) => shownAt({ answeredMs: 0, pictureMs: 1_000, factMs: 1_000 + age }, 1_000 + age);
    expect(at(60_000)).toEqual({ kind: "still", seconds: 60 });
    const never = shownAt({ answeredMs: 0, pictureMs: null, factMs: JOIN_LIMIT_MS }, JOIN_LIMIT_MS + 1);
    expect(never).toMatchObject({ kind: "over", cause: "silent" });
  });
});
