/** What hands do at the annotation: the selected movement, drags, keys, and the moment at which each deed happens. */
import { useState } from "react";
import type { Annotation, Moi, Term, Vocabulary } from "../api/desk";
import type { EventDetail } from "../api/types";
import type { Player } from "../player";
import { changed, edged, marked, ordered, removed } from "./draft";
import type { AnnotationControl } from "./useAnnotation";
import { type AnnotationDeed, useAnnotationKeys } from "./useAnnotationKeys";

const FRAME_NS = 33_333_333;

export interface DeskPlace {
  selected: string;
  select: (id: string) => void;
  /** `first`: the drag begins here, so that the whole drag is one step back. */
  drag: (id: string, fields: Partial<Moi>, first: boolean) => void;
  mark: (term: string) => void;
  set: (fields: Partial<Annotation>) => void;
  edit: (id: string, fields: Partial<Moi>) => void;
  edge: (which: "onset" | "offset", atNs?: number) => void;
  remove: (id: string) => void;
  comment: (text: string, checked: boolean) => void;
}

interface DeskParts {
  event: EventDetail;
  player: Player;
  vocabulary: Vocabulary;
  control: AnnotationControl;
  on: boolean;
  setOn: (on: boolean) => void;
}

export function useDesk({ event, player, vocabulary, control, on, setOn }: DeskParts): DeskPlace {
  const [selected, select] = useState("");
  const clipNs = event.clip_duration_ns;
  const now = () => player.snapshot().timeNs;
  const mois = ordered(control.work.now.mois);
  const chosen = mois.find((moi) => moi.id === selected);

  const mark = (term: string) => {
    const id = crypto.randomUUID();
    const at = now();
    control.change((said) => marked(said, term, at, clipNs, id));
    const open = mois.find((moi) => moi.term === term && moi.start_ns < at && at <= moi.end_ns + 2_000_000_000);
    select(open?.id ?? id);
  };
  const edit = (id: string, fields: Partial<Moi>, joined = false) =>
    control.change((said) => changed(said, id, fields, clipNs), joined);
  const edge = (which: "onset" | "offset", atNs = now()) => control.change((said) => edged(said, which, atNs, clipNs));
  const remove = (id: string) => control.change((said) => removed(said, id));
  const go = (by: 1 | -1) => {
    const next = mois[(mois.findIndex((moi) => moi.id === selected) + by + mois.length) % mois.length];
    if (!next) return;
    select(next.id);
    player.seek(next.start_ns);
  };

  const act = (done: AnnotationDeed, held: boolean) => {
    if (done.deed === "digit") {
      const term = vocabulary.mois.find((one) => one.favourite === done.digit);
      if (term) mark(term.key);
    } else if (done.deed === "nudge") {
      if (!chosen) return;
      const at = chosen[done.edge] + done.frames * FRAME_NS;
      edit(chosen.id, { [done.edge]: at }, held);
      player.seek(at);
    } else if (done.deed === "onset" || done.deed === "offset") edge(done.deed);
    else if (done.deed === "next" || done.deed === "previous") go(done.deed === "next" ? 1 : -1);
    else if (done.deed === "undo") control.undo();
    else if (done.deed === "redo") control.redo();
    else if (done.deed === "leave") setOn(false);
    else if (chosen) onChosen(done.deed, chosen);
  };
  const onChosen = (deed: "side" | "part" | "confidence" | "remove", moi: Moi) => {
    if (deed === "remove") remove(moi.id);
    else if (deed === "side") edit(moi.id, { laterality: following(vocabulary.lateralities, moi.laterality) });
    else if (deed === "part") edit(moi.id, { body_part: following(vocabulary.body_parts, moi.body_part) });
    else
      edit(moi.id, { confidence: (following(vocabulary.confidences, moi.confidence) ?? "high") as Moi["confidence"] });
  };
  useAnnotationKeys(on && control.loaded, () => setOn(true), act);

  return {
    selected,
    select: (id) => {
      select(id);
    },
    drag: (id, fields, first) => {
      select(id);
      edit(id, fields, !first);
      const at = fields.start_ns ?? fields.end_ns;
      if (at !== undefined) player.seek(at);
    },
    mark,
    set: (fields) => control.change((said) => ({ ...said, ...fields })),
    edit,
    edge,
    remove,
    comment: (text, checked) => control.change((said) => ({ ...said, comment: text, comment_checked: checked })),
  };
}

/** The term behind this one; after the last comes none, then the first. */
function following(list: readonly Term[], key: string | null): string | null {
  return list[list.findIndex((term) => term.key === key) + 1]?.key ?? null;
}
