/** Two versions of one annotation, changed apart from the same one: what goes together by itself, and what a person decides. */
import type { Annotation, Moi } from "../api/desk";
import { same } from "./draft";

/** A field or an interval that both changed, differently. `null`: it is not there in that version. */
export interface Clash {
  key: string;
  mine: unknown;
  theirs: unknown;
}

export interface Merged {
  annotation: Annotation;
  clashes: Clash[];
}

const FIELDS = ["onset", "offset", "ilae_2025", "ilae_2017", "epilepsy_class", "consciousness", "sleep_state"] as const;

/** Three ways: what one side alone changed is taken; where both did, `mine` stands until a person chooses. Nothing is lost. */
export function merge(base: Annotation, mine: Annotation, theirs: Annotation): Merged {
  const clashes: Clash[] = [];
  const pick = <T>(key: string, was: T, here: T, there: T): T => {
    if (same(here, there) || same(there, was)) return here;
    if (same(here, was)) return there;
    clashes.push({ key, mine: here, theirs: there });
    return here;
  };
  let annotation = { ...mine };
  for (const field of FIELDS) {
    annotation = { ...annotation, [field]: pick(field, base[field], mine[field], theirs[field]) };
  }
  const comment = pick("comment", said(base), said(mine), said(theirs));
  const mois = mergedMois(base.mois, mine.mois, theirs.mois, pick);
  return { annotation: { ...annotation, ...comment, mois }, clashes };
}

/** The merged annotation with the other side's part in the place of one's own, for the clashes that were chosen so. */
export function withTheirs(merged: Merged, keys: ReadonlySet<string>): Annotation {
  let annotation = merged.annotation;
  for (const clash of merged.clashes.filter((one) => keys.has(one.key))) {
    if (clash.key === "comment") annotation = { ...annotation, ...(clash.theirs as ReturnType<typeof said>) };
    else if (clash.key.startsWith("moi:")) annotation = { ...annotation, mois: swapped(annotation.mois, clash) };
    else annotation = { ...annotation, [clash.key]: clash.theirs };
  }
  return annotation;
}

function said(from: Annotation): { comment: string; comment_checked: boolean } {
  return { comment: from.comment, comment_checked: from.comment_checked };
}

type Pick = <T>(key: string, was: T, here: T, there: T) => T;

function mergedMois(base: readonly Moi[], mine: readonly Moi[], theirs: readonly Moi[], pick: Pick): Moi[] {
  const find = (list: readonly Moi[], id: string) => list.find((moi) => moi.id === id) ?? null;
  const ids = [...new Set([...mine, ...theirs].map((moi) => moi.id))];
  return ids
    .map((id) => pick(`moi:${id}`, find(base, id), find(mine, id), find(theirs, id)))
    .filter((moi): moi is Moi => moi !== null);
}

function swapped(mois: readonly Moi[], clash: Clash): Moi[] {
  const id = clash.key.slice("moi:".length);
  const rest = mois.filter((moi) => moi.id !== id);
  return clash.theirs === null ? rest : [...rest, clash.theirs as Moi];
}
