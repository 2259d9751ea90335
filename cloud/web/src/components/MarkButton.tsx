/** "Mark now": a moment at a bed, kept as an event from a minute before to a minute after. */
import { useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { api, sentenceOf } from "../api/client";
import type { Bed } from "../api/types";
import { pullWords } from "../pullWords";
import { clockText } from "../times";
import { useToast } from "./Toast";

export function MarkButton({ bed }: { bed: Bed }): ReactNode {
  const [busy, setBusy] = useState(false);
  const toast = useToast();
  const client = useQueryClient();
  const press = async () => {
    setBusy(true);
    try {
      const kept = await api.mark(bed);
      const when = clockText(new Date(kept.asked_utc), new Date());
      toast.show({ text: kept.online ? pullWords.marked(bed.bed, when) : pullWords.markedOffline(bed.bed) });
      await client.invalidateQueries({ queryKey: ["pulls"] });
    } catch (error) {
      toast.show({ text: sentenceOf(error) });
    }
    setBusy(false);
  };
  return (
    <button
      type="button"
      className="button button-small"
      onClick={press}
      disabled={busy}
      title={pullWords.markHint}
      data-testid={`mark-${bed.bed}`}
    >
      {pullWords.mark}
    </button>
  );
}
