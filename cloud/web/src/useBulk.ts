/** Rejects one or many events from the worklist with one key, and takes them back with another. */
import { useQueryClient } from "@tanstack/react-query";
import { sentenceOf } from "./api/client";
import { type BulkAnswer, desk } from "./api/desk";
import type { WorklistItem } from "./api/types";
import { useToast } from "./components/Toast";
import { deskWords as words } from "./deskWords";

/** The server takes this many at once. */
export const MOST_AT_ONCE = 100;

export function useBulk(): (items: readonly WorklistItem[]) => Promise<boolean> {
  const client = useQueryClient();
  const toast = useToast();
  const renew = () => client.invalidateQueries({ queryKey: ["worklist"] });

  const takeBack = async (answer: BulkAnswer, before: readonly WorklistItem[]) => {
    const items = answer.items
      .filter((one) => one.kept)
      .map((one) => ({
        event_id: one.event_id,
        verdict: before.find((item) => item.event_id === one.event_id)?.my_verdict ?? null,
        expected_version: one.version,
      }));
    try {
      const back = await desk.judge({ items, suggestion_shown: true });
      toast.show({ text: words.takenBack(back.items.filter((one) => one.kept).length) });
    } catch (error) {
      toast.show({ text: words.notDone(sentenceOf(error)) });
    }
    await renew();
  };

  return async (chosen) => {
    const items = chosen.slice(0, MOST_AT_ONCE);
    if (items.length === 0) return false;
    const wishes = items.map((item) => ({
      event_id: item.event_id,
      verdict: "rejected" as const,
      expected_version: item.my_version,
    }));
    try {
      const answer = await desk.judge({
        items: wishes,
        // the server knows of which of them there was one
        suggestion_shown: items.some((item) => item.suggestion !== null),
      });
      const kept = answer.items.filter((one) => one.kept).length;
      const stale = answer.items.length - kept;
      const text = [words.rejected(kept), stale > 0 ? words.passedOver(stale) : ""].filter(Boolean).join(" ");
      toast.show({ text, undo: () => void takeBack(answer, items) });
      await renew();
      return true;
    } catch (error) {
      toast.show({ text: words.notDone(sentenceOf(error)) });
      return false;
    }
  };
}
