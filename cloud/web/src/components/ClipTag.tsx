/** Where the clip is: on its way, watchable, stored or overdue; a shape beside the word, so colour is never alone. */
import type { ReactNode } from "react";
import type { WorklistItem } from "../api/types";
import { percentText } from "../times";
import { words } from "../words";

const SHAPES = { awaited: "○", watchable: "◐", stored: "●", overdue: "▲" } as const;

export function ClipTag({ item }: { item: Pick<WorklistItem, "clip" | "stored_share"> }): ReactNode {
  const partly = item.clip === "watchable" && item.stored_share > 0;
  return (
    <span
      className={`clip-tag clip-${item.clip}`}
      title={partly ? words.clip.storedShare(percentText(item.stored_share)) : undefined}
    >
      <span aria-hidden="true">{SHAPES[item.clip]}</span> {words.clip[item.clip]}
    </span>
  );
}
