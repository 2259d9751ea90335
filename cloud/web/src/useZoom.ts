/** Which part of the clip the timeline shows: from the whole clip down to a few frames. In: the clip. Out: a span and its moves. */
import { useCallback, useMemo, useState } from "react";
import { type Span, spanAround, spanMoved, wholeSpan } from "./timeline";

export interface Zoom {
  span: Span;
  /** Multiplies the shown length by `factor`; the moment `atNs` keeps its place. */
  by: (factor: number, atNs: number) => void;
  move: (byNs: number) => void;
  all: () => void;
}

export function useZoom(durationNs: number): Zoom {
  const [chosen, choose] = useState<Span | null>(null);
  const span = useMemo(() => chosen ?? wholeSpan(durationNs), [chosen, durationNs]);
  const by = useCallback(
    (factor: number, atNs: number) =>
      choose((old) => {
        const next = spanAround(old ?? wholeSpan(durationNs), durationNs, factor, atNs);
        return next.lengthNs >= durationNs ? null : next;
      }),
    [durationNs],
  );
  const move = useCallback(
    (byNs: number) => choose((old) => (old ? spanMoved(old, durationNs, byNs) : old)),
    [durationNs],
  );
  const all = useCallback(() => choose(null), []);
  return useMemo(() => ({ span, by, move, all }), [span, by, move, all]);
}
