/** Gives a verdict, shows the way back, goes on to the next event. In: the event on the screen. Out: deeds and their state. */
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { useLocation } from "wouter";
import { api, Problem, sentenceOf } from "./api/client";
import { type Annotations, desk } from "./api/desk";
import type { EventDetail, Verdict } from "./api/types";
import { useToast } from "./components/Toast";
import { nextOpen } from "./next";
import { useSession } from "./queries";
import { shownTo } from "./roles";
import { words } from "./words";

/** After the page went on by itself, a second press of the same key must not judge an event that nobody has seen. */
const GUARD_MS = 300;
const AHEAD = 50;

const passed = new Set<string>();
let advancedAt = 0;

export interface VerdictControl {
  allowed: boolean;
  saving: boolean;
  fault: string;
  give: (verdict: Verdict) => void;
  next: () => void;
}

export function useVerdict(event: EventDetail | undefined): VerdictControl {
  const allowed = shownTo(useSession().data?.role).verdicts;
  const client = useQueryClient();
  const toast = useToast();
  const [, go] = useLocation();
  const [saving, setSaving] = useState(false);
  const [fault, setFault] = useState("");
  const busy = useRef(false);
  const shown = useRef(false);
  useEffect(() => {
    const marks = client.getQueryData<Annotations>(["annotation", event?.event_id])?.mine?.evidence ?? [];
    shown.current = shown.current || event?.suggestion != null || marks.length > 0;
  });

  /** Goes on to the next open event; says whether there was none. */
  const advance = async (fromId: string): Promise<boolean> => {
    const open = await api.worklist("open", "", AHEAD);
    const nextId = nextOpen(open.items, fromId, passed);
    advancedAt = performance.now();
    go(nextId ? `/events/${nextId}` : "/");
    return nextId === null;
  };

  const send = async (judged: EventDetail, verdict: Verdict) => {
    const answer = await api.review(judged.event_id, {
      verdict,
      expected_version: judged.my_version,
      suggestion_shown: shown.current,
    });
    passed.delete(judged.event_id);
    const done = (await advance(judged.event_id)) ? ` ${words.review.doneAll}` : "";
    const undo = () => void takeBack(judged, judged.my_verdict, answer.version);
    toast.show({ text: words.toast.saved(words.verdicts[verdict], judged.bed) + done, undo });
    void client.invalidateQueries({ queryKey: ["worklist"] });
    void client.invalidateQueries({ queryKey: ["event", judged.event_id] });
    if (judged.reading === "blind") void client.invalidateQueries({ queryKey: ["annotation", judged.event_id] });
  };

  const takeBack = async (judged: EventDetail, before: Verdict | null, version: number) => {
    go(`/events/${judged.event_id}`);
    try {
      if (!before) {
        await desk.withdraw(judged.event_id, version);
        toast.show({ text: words.toast.withdrawn });
        await client.invalidateQueries({ queryKey: ["event", judged.event_id] });
        return;
      }
      await api.review(judged.event_id, {
        verdict: before,
        expected_version: version,
        suggestion_shown: shown.current,
      });
      toast.show({ text: words.toast.undone(words.verdicts[before]) });
    } catch (error) {
      toast.show({ text: words.review.notSaved(sentenceOf(error)) });
    }
    await client.invalidateQueries({ queryKey: ["event", judged.event_id] });
  };

  const once = async (deed: () => Promise<void>, eventId: string) => {
    if (busy.current) return;
    busy.current = true;
    setSaving(true);
    setFault("");
    try {
      await deed();
    } catch (error) {
      setFault(faultOf(error));
      await client.invalidateQueries({ queryKey: ["event", eventId] });
    } finally {
      busy.current = false;
      setSaving(false);
    }
  };

  return {
    allowed,
    saving,
    fault,
    give: (verdict) => {
      if (event && allowed && performance.now() - advancedAt > GUARD_MS)
        void once(() => send(event, verdict), event.event_id);
    },
    next: () => {
      if (!event) return;
      passed.add(event.event_id);
      void once(async () => {
        if (await advance(event.event_id)) toast.show({ text: words.review.doneAll });
      }, event.event_id);
    },
  };
}

function faultOf(error: unknown): string {
  const stale = error instanceof Problem && error.status === 409;
  return stale ? words.review.stale : words.review.notSaved(sentenceOf(error));
}
