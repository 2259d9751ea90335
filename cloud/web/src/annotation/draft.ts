/** The annotation under work: what can be done to it, and the way back. Pure: each deed gives a new draft. Times in ns. */
import type { Annotation, Moi } from "../api/desk";

export const EMPTY: Annotation = {
  onset: null,
  offset: null,
  ilae_2025: null,
  ilae_2017: null,
  epilepsy_class: null,
  consciousness: null,
  sleep_state: null,
  mois: [],
  comment: "",
  comment_checked: false,
};

/** An interval is never shorter than this: one frame at 30 a second. */
export const SHORTEST_NS = 33_000_000;
const DEPTH = 200;

export interface Work {
  now: Annotation;
  past: readonly Annotation[];
  future: readonly Annotation[];
}

export function begun(annotation: Annotation): Work {
  return { now: annotation, past: [], future: [] };
}

/** A deed. `joined`: it goes on with the one before (a drag, a held key), so one undo takes both back. */
export function done(work: Work, next: Annotation, joined = false): Work {
  if (same(work.now, next)) return work;
  const past = joined ? work.past : [...work.past, work.now].slice(-DEPTH);
  return { now: next, past, future: [] };
}

export function undone(work: Work): Work {
  const before = work.past.at(-1);
  if (!before) return work;
  return { now: before, past: work.past.slice(0, -1), future: [work.now, ...work.future] };
}

export function redone(work: Work): Work {
  const [next, ...future] = work.future;
  if (!next) return work;
  return { now: next, past: [...work.past, work.now], future };
}

export function same(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

/** A digit at the playhead: ends the open interval of this term, or begins a new one of two seconds. */
export function marked(said: Annotation, term: string, atNs: number, clipNs: number, id: string): Annotation {
  const open = said.mois.find((moi) => moi.term === term && moi.start_ns < atNs && atNs <= moi.end_ns + 2_000_000_000);
  if (open) return changed(said, open.id, { end_ns: Math.max(atNs, open.start_ns + SHORTEST_NS) }, clipNs);
  const start = Math.max(0, Math.min(atNs, clipNs - SHORTEST_NS));
  const moi: Moi = {
    id,
    term,
    start_ns: start,
    end_ns: Math.min(clipNs, start + 2_000_000_000),
    laterality: null,
    body_part: null,
    confidence: "high",
  };
  return { ...said, mois: [...said.mois, moi] };
}

/** One interval changed; its edges stay inside the clip, in order, at least a frame apart. */
export function changed(said: Annotation, id: string, fields: Partial<Moi>, clipNs: number): Annotation {
  const mois = said.mois.map((moi) => {
    if (moi.id !== id) return moi;
    const next = { ...moi, ...fields };
    const movesStart = fields.start_ns !== undefined && fields.end_ns === undefined;
    let [start, end] = [clamp(next.start_ns, clipNs), clamp(next.end_ns, clipNs)];
    if (end - start < SHORTEST_NS) {
      if (movesStart) start = end - SHORTEST_NS;
      else end = start + SHORTEST_NS;
    }
    if (start < 0) [start, end] = [0, Math.max(end, SHORTEST_NS)];
    if (end > clipNs) [start, end] = [Math.max(0, clipNs - SHORTEST_NS), clipNs];
    return { ...next, start_ns: start, end_ns: end };
  });
  return { ...said, mois };
}

export function removed(said: Annotation, id: string): Annotation {
  return { ...said, mois: said.mois.filter((moi) => moi.id !== id) };
}

/** The event's own edge at a moment; an offset before the onset is not taken. */
export function edged(said: Annotation, edge: "onset" | "offset", atNs: number, clipNs: number): Annotation {
  const at = clamp(atNs, clipNs);
  const next = { ...said, [edge]: { at_ns: at, kind: said[edge]?.kind ?? "clinical" } };
  const ordered = !next.onset || !next.offset || next.onset.at_ns < next.offset.at_ns;
  return ordered ? next : { ...next, [edge === "onset" ? "offset" : "onset"]: null };
}

/** The intervals in order of onset, as the tracks and the chain read them. */
export function ordered(mois: readonly Moi[]): Moi[] {
  return [...mois].sort((a, b) => a.start_ns - b.start_ns || a.end_ns - b.end_ns || (a.id < b.id ? -1 : 1));
}

function clamp(ns: number, clipNs: number): number {
  return Math.round(Math.max(0, Math.min(clipNs, ns)));
}
