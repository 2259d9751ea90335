/** One reader's annotation of one event: loaded, worked on, saved by itself, kept here while the server is silent, merged when stale. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useRef, useState } from "react";
import { Problem, sentenceOf } from "../api/client";
import { type Annotation, type Annotations, type AnnotationView, desk } from "../api/desk";
import { begun, done, EMPTY, redone, same, undone, type Work } from "./draft";
import { forget, type Kept, keep, kept } from "./keep";
import { type Merged, merge, withTheirs } from "./merge";

const SETTLE_MS = 800;
const RETRY_MS = 4_000;

export type Saving = "saved" | "waiting" | "saving" | "kept" | "refused" | "clash";

/** The version that the server was last known to hold. */
interface Base {
  annotation: Annotation;
  version: number;
}

export interface AnnotationControl {
  loaded: boolean;
  failed: unknown;
  work: Work;
  saving: Saving;
  /** The server's sentence for what it refused, or that this browser cannot keep the work. */
  fault: string;
  savedView: AnnotationView | null;
  others: readonly AnnotationView[];
  clash: Merged | null;
  change: (next: (said: Annotation) => Annotation, joined?: boolean) => void;
  undo: () => void;
  redo: () => void;
  settle: (theirs: ReadonlySet<string>) => void;
}

export function useAnnotation(eventId: string, account: string, suggestionShown: boolean): AnnotationControl {
  const client = useQueryClient();
  const query = useQuery<Annotations>({
    queryKey: ["annotation", eventId],
    queryFn: ({ signal }) => desk.annotations(eventId, signal),
    refetchOnWindowFocus: false,
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
    refetchInterval: (found) => (found.state.data === undefined ? RETRY_MS : false),
  });
  const [work, setWork] = useState<Work>(begun(EMPTY));
  const [base, setBase] = useState<Base | null>(null);
  const [saving, setSaving] = useState<Saving>("saved");
  const [fault, setFault] = useState("");
  const [clash, setClash] = useState<{ merged: Merged; theirs: Base } | null>(null);
  const shown = useRef(suggestionShown);
  shown.current = shown.current || suggestionShown || (query.data?.mine?.evidence ?? []).length > 0;

  useEffect(() => {
    if (base || !query.data) return;
    const held = query.data.mine;
    const server = { annotation: held?.annotation ?? EMPTY, version: held?.version ?? 0 };
    const before = recovered(kept(localStorage, account, eventId), server);
    setBase(server);
    setWork(begun(before.annotation));
    if (before.clashes.length > 0) {
      setClash({ merged: before, theirs: server });
      setSaving("clash");
    }
  }, [base, query.data, account, eventId]);

  const send = useCallback(
    async (annotation: Annotation, from: Base) => {
      setSaving("saving");
      try {
        const view = (await desk.saveAnnotation(eventId, annotation, from.version, shown.current)) as AnnotationView;
        setBase({ annotation, version: view.version });
        client.setQueryData<Annotations>(["annotation", eventId], (old) => ({ others: old?.others ?? [], mine: view }));
        forget(localStorage, account, eventId);
        setFault("");
        setSaving("saved");
      } catch (error) {
        if (error instanceof Problem && error.status === 409) {
          const theirs = await serverBase(eventId);
          if (theirs) {
            meet(annotation, from, theirs);
            return;
          }
        }
        const refused = error instanceof Problem && error.status >= 400 && error.status < 500 && error.status !== 409;
        setFault(refused ? sentenceOf(error) : "");
        setSaving(refused ? "refused" : "kept");
      }
      function meet(mine: Annotation, was: Base, theirs: Base) {
        const merged = merge(was.annotation, mine, theirs.annotation);
        if (merged.clashes.length > 0) {
          setClash({ merged, theirs });
          setSaving("clash");
          return;
        }
        setBase(theirs);
        setWork((current) => done(current, merged.annotation));
        setSaving("waiting");
      }
    },
    [account, client, eventId],
  );

  // Saves a little after the last deed; what is not saved yet lies in this browser until then.
  useEffect(() => {
    if (!base || clash || saving === "saving") return;
    if (same(work.now, base.annotation)) {
      if (saving !== "saved") {
        forget(localStorage, account, eventId);
        setSaving("saved");
      }
      return;
    }
    const held = {
      annotation: work.now,
      base: base.annotation,
      version: base.version,
      keptAt: new Date().toISOString(),
    };
    if (!keep(localStorage, account, eventId, held)) setFault("full");
    if (saving === "saved") setSaving("waiting");
    if (saving === "refused") return;
    const timer = setTimeout(() => void send(work.now, base), saving === "kept" ? RETRY_MS : SETTLE_MS);
    return () => clearTimeout(timer);
  }, [work.now, base, clash, saving, send, account, eventId]);

  useLastWord(eventId, account, work.now, clash ? null : base, shown);
  const again = () => setSaving((now) => (now === "refused" ? "waiting" : now));
  const change = useCallback((next: (said: Annotation) => Annotation, joined = false) => {
    setSaving((now) => (now === "refused" ? "waiting" : now));
    setWork((current) => done(current, next(current.now), joined));
  }, []);
  const settle = (theirs: ReadonlySet<string>) => {
    if (!clash) return;
    setBase(clash.theirs);
    setWork((current) => done(current, withTheirs(clash.merged, theirs)));
    setClash(null);
    setSaving("waiting");
  };
  return {
    loaded: base !== null,
    failed: query.data === undefined ? query.error : null,
    work,
    saving,
    fault,
    savedView: query.data?.mine ?? null,
    others: query.data?.others ?? [],
    clash: clash?.merged ?? null,
    change,
    undo: () => {
      again();
      setWork(undone);
    },
    redo: () => {
      again();
      setWork(redone);
    },
    settle,
  };
}

/** What this browser still holds from before, put together with what the server has now. */
function recovered(held: Kept | null, server: Base): Merged {
  if (!held) return { annotation: server.annotation, clashes: [] };
  if (held.version === server.version) return { annotation: held.annotation, clashes: [] };
  return merge(held.base, held.annotation, server.annotation);
}

async function serverBase(eventId: string): Promise<Base | null> {
  try {
    const mine = (await desk.annotations(eventId)).mine;
    return { annotation: mine?.annotation ?? EMPTY, version: mine?.version ?? 0 };
  } catch {
    return null;
  }
}

/** Leaving the page does not wait for the pause before saving; where this fails, the browser still holds the work. */
function useLastWord(
  eventId: string,
  account: string,
  said: Annotation,
  base: Base | null,
  shown: { current: boolean },
): void {
  const last = useRef({ said, base });
  last.current = { said, base };
  useEffect(
    () => () => {
      const { said: final, base: from } = last.current;
      if (!from || same(final, from.annotation)) return;
      desk
        .saveAnnotation(eventId, final, from.version, shown.current)
        .then(() => forget(localStorage, account, eventId))
        .catch(() => undefined);
    },
    [eventId, account, shown],
  );
}
