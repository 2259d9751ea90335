import { describe, expect, it } from "vitest";
import type { Annotation, Moi } from "../api/desk";
import { begun, changed, done, EMPTY, edged, marked, redone, removed, SHORTEST_NS, undone } from "./draft";
import { forget, keep, kept } from "./keep";
import { merge, withTheirs } from "./merge";

const S = 1_000_000_000;
const CLIP = 60 * S;
const moi = (id: string, fields: Partial<Moi> = {}): Moi => ({
  id,
  term: "tonic",
  start_ns: 10 * S,
  end_ns: 20 * S,
  laterality: null,
  body_part: null,
  confidence: "high",
  ...fields,
});
const of = (fields: Partial<Annotation>): Annotation => ({ ...EMPTY, ...fields });

describe("marking by digit", () => {
  it("begins an interval at the playhead and ends it there with the same digit", () => {
    const one = marked(EMPTY, "tonic", 10 * S, CLIP, "a");
    expect(one.mois.map((each) => [each.start_ns, each.end_ns])).toEqual([[10 * S, 12 * S]]);
    const ended = marked(one, "tonic", 13.5 * S, CLIP, "b");
    expect(ended.mois.map((each) => [each.start_ns, each.end_ns])).toEqual([[10 * S, 13.5 * S]]);
    expect(marked(ended, "tonic", 40 * S, CLIP, "c").mois).toHaveLength(2);
  });

  it("stays inside the clip at its very end", () => {
    const [last] = marked(EMPTY, "tonic", CLIP, CLIP, "a").mois;
    expect(last).toMatchObject({ start_ns: CLIP - SHORTEST_NS, end_ns: CLIP });
  });
});

describe("edges", () => {
  it("never cross, leave the clip or come closer than a frame", () => {
    for (const [field, value] of [
      ["start_ns", 30 * S],
      ["start_ns", -S],
      ["end_ns", 1 * S],
      ["end_ns", 90 * S],
    ] as const) {
      const [found] = changed(of({ mois: [moi("a")] }), "a", { [field]: value }, CLIP).mois;
      if (!found) throw new Error("the interval is gone");
      expect(found.start_ns).toBeGreaterThanOrEqual(0);
      expect(found.end_ns).toBeLessThanOrEqual(CLIP);
      expect(found.end_ns - found.start_ns).toBeGreaterThanOrEqual(SHORTEST_NS);
    }
  });

  it("of the event keep their order: a later onset takes an earlier offset away", () => {
    const both = edged(edged(EMPTY, "onset", 10 * S, CLIP), "offset", 20 * S, CLIP);
    expect(edged(both, "onset", 30 * S, CLIP)).toMatchObject({ onset: { at_ns: 30 * S }, offset: null });
  });
});

describe("the way back", () => {
  it("undoes and redoes deed by deed, and a drag as one", () => {
    const first = done(begun(EMPTY), of({ epilepsy_class: "FLE" }));
    const dragged = done(done(first, of({ mois: [moi("a")] })), of({ mois: [moi("a", { end_ns: 21 * S })] }), true);
    expect(undone(dragged).now).toEqual(first.now);
    expect(redone(undone(dragged)).now).toEqual(dragged.now);
    expect(undone(undone(undone(dragged))).now).toEqual(EMPTY);
  });

  it("does not count a deed that changes nothing", () => {
    const work = begun(EMPTY);
    expect(done(work, { ...EMPTY })).toBe(work);
  });
});

describe("merging two tabs", () => {
  const base = of({ epilepsy_class: "FLE", mois: [moi("a"), moi("b")] });

  it("takes what one side alone changed, added or removed", () => {
    const mine = { ...base, sleep_state: "asleep", mois: [...base.mois, moi("mine")] };
    const theirs = { ...removed(base, "b"), consciousness: "impaired", mois: [moi("a"), moi("theirs")] };
    const { annotation, clashes } = merge(base, mine, theirs);
    expect(clashes).toEqual([]);
    expect(annotation).toMatchObject({ sleep_state: "asleep", consciousness: "impaired", epilepsy_class: "FLE" });
    expect(annotation.mois.map((each) => each.id).sort()).toEqual(["a", "mine", "theirs"]);
  });

  it("asks where both changed the same thing, and holds both until then", () => {
    const mine = changed({ ...base, epilepsy_class: "TLE" }, "a", { end_ns: 22 * S }, CLIP);
    const theirs = removed({ ...base, epilepsy_class: "other" }, "a");
    const merged = merge(base, mine, theirs);
    expect(merged.clashes.map((clash) => clash.key)).toEqual(["epilepsy_class", "moi:a"]);
    expect(merged.annotation).toMatchObject({ epilepsy_class: "TLE" });
    const chosen = withTheirs(merged, new Set(["moi:a"]));
    expect(chosen.epilepsy_class).toBe("TLE");
    expect(chosen.mois.map((each) => each.id)).toEqual(["b"]);
  });

  it("merges a comment with its check, never one without the other", () => {
    const theirs = { ...base, comment: "Mother says Anna", comment_checked: true };
    expect(merge(base, base, theirs).annotation).toMatchObject({ comment_checked: true });
  });
});

describe("what is not saved yet", () => {
  const memory = () => {
    const held = new Map<string, string>();
    return {
      getItem: (key: string) => held.get(key) ?? null,
      setItem: (key: string, value: string) => void held.set(key, value),
      removeItem: (key: string) => void held.delete(key),
    };
  };
  const work = { annotation: of({ epilepsy_class: "TLE" }), base: EMPTY, version: 3, keptAt: "2026-01-01T00:00:00Z" };

  it("is found again by the same person on the same event, and by nobody else", () => {
    const store = memory();
    expect(keep(store, "ana", "e1", work)).toBe(true);
    expect(kept(store, "ana", "e1")).toEqual(work);
    expect(kept(store, "ben", "e1")).toBeNull();
    forget(store, "ana", "e1");
    expect(kept(store, "ana", "e1")).toBeNull();
  });

  it("says so when the browser cannot keep it, and passes over what it cannot read", () => {
    const store = memory();
    const full = { ...store, setItem: () => { throw new Error("full"); } }; // biome-ignore format: one line says it
    expect(keep(full, "ana", "e1", work)).toBe(false);
    store.setItem("deepepil-annotation:ana:e2", "{broken");
    expect(kept(store, "ana", "e2")).toBeNull();
  });
});
