/** The key table: one key, one deed in its scope; letters typed in fields stay letters; a held key never judges. */
import { describe, expect, it } from "vitest";
import { deedOf, isTyping, KEYS, type KeyPress, REPEATABLE, type Scope } from "./keyboard";

function press(key: string, held: Partial<KeyPress> = {}): KeyPress {
  return { key, shiftKey: false, ctrlKey: false, altKey: false, metaKey: false, ...held };
}

describe("keys", () => {
  it("give each verdict by one key", () => {
    expect(["c", "r", "u", "n"].map((key) => deedOf(press(key), "review"))).toEqual([
      "confirm",
      "reject",
      "unsure",
      "next",
    ]);
  });

  it("never mean two things in one scope", () => {
    for (const scope of Object.keys(KEYS) as Scope[]) {
      const keys = KEYS[scope].flatMap((binding) => [...binding.keys]);
      expect(new Set(keys).size).toBe(keys.length);
    }
  });

  it("leave the browser's own shortcuts alone", () => {
    expect(deedOf(press("r", { ctrlKey: true }), "review")).toBeNull();
    expect(deedOf(press("c", { metaKey: true }), "review")).toBeNull();
    expect(deedOf(press("b", { altKey: true }), "worklist")).toBeNull();
  });

  it("tell a jump of one second from one of ten by Shift", () => {
    expect(deedOf(press("ArrowLeft"), "review")).toBe("secondBack");
    expect(deedOf(press("ArrowLeft", { shiftKey: true }), "review")).toBe("tenBack");
  });

  it("work with caps lock, and where ? needs Shift", () => {
    expect(deedOf(press("C"), "review")).toBe("confirm");
    expect(deedOf(press("?", { shiftKey: true }), "worklist")).toBe("help");
  });

  it("fall back to those of everywhere, and mean nothing outside their scope", () => {
    expect(deedOf(press("b"), "review")).toBe("beds");
    expect(deedOf(press("c"), "worklist")).toBeNull();
  });

  it("repeat moves but never a verdict while held", () => {
    expect(["confirm", "reject", "unsure", "next", "undo"].filter((deed) => REPEATABLE.has(deed as never))).toEqual([]);
    expect(REPEATABLE.has("frameOn")).toBe(true);
  });

  it("belong to a form field while one types", () => {
    expect(isTyping({ tagName: "INPUT" })).toBe(true);
    expect(isTyping({ tagName: "BUTTON" })).toBe(false);
    expect(isTyping(null)).toBe(false);
  });
});
