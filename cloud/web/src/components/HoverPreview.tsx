/** The event under the pointer or the selection, playing small and silent from its onset; one at a time, after a moment's rest. */
import { type ReactNode, useEffect, useState } from "react";
import type { WorklistItem } from "../api/types";
import { deskWords as words } from "../deskWords";

const REST_MS = 350;
/** A clip begins at least this long before its event. */
const PRE_ROLL_S = 30;

export function HoverPreview({ item }: { item: WorklistItem | undefined }): ReactNode {
  const [shown, setShown] = useState<WorklistItem | undefined>(undefined);
  const [failed, setFailed] = useState("");
  const id = item?.event_id ?? "";
  // biome-ignore lint/correctness/useExhaustiveDependencies: each poll brings the same event anew; its id tells
  useEffect(() => {
    const timer = setTimeout(() => setShown(item), REST_MS);
    return () => clearTimeout(timer);
  }, [id]);
  const watchable = shown && (shown.clip === "watchable" || shown.clip === "stored") && failed !== shown.event_id;
  return (
    <aside className="preview" aria-label={words.preview}>
      {watchable ? (
        <video
          key={shown.event_id}
          data-testid="preview"
          muted
          autoPlay
          loop
          playsInline
          preload="metadata"
          src={`/api/v1/events/${shown.event_id}/proxies/ir#t=${PRE_ROLL_S}`}
          onError={() => setFailed(shown.event_id)}
        />
      ) : (
        <p className="soft">{words.noPreview}</p>
      )}
    </aside>
  );
}
