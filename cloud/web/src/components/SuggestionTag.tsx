/** A suggestion in one line: class, certainty, and that the network was trained on simulated beds, where it was. */
import type { ReactNode } from "react";
import type { WorklistItem } from "../api/types";
import { suggestionWords } from "../suggestionWords";
import { percentText } from "../times";
import { words } from "../words";

export function SuggestionTag({ item }: { item: WorklistItem }): ReactNode {
  const { suggestion } = item;
  if (item.reading === "blind") return <span className="soft">{suggestionWords.blindShort}</span>;
  if (!suggestion) return <span className="soft">{words.worklist.noSuggestion}</span>;
  return (
    <span className="suggestion-tag">
      <span className="class-name">
        <ClassChip name={suggestion.best} />
        {words.className(suggestion.best)}
      </span>
      <span className="figure soft">{percentText(suggestion.probabilities[suggestion.best] ?? 0)}</span>
      {suggestion.simulated && <SimulatedMark />}
    </span>
  );
}

export function SimulatedMark(): ReactNode {
  return (
    <span className="mark-simulated" title={words.simulatedHint}>
      {words.simulated}
    </span>
  );
}

/** The class's colour, the same as on the timeline. */
export function ClassChip({ name }: { name: string }): ReactNode {
  return <span className={`chip chip-${classSlug(name)}`} aria-hidden="true" />;
}

/** Name of a class in the style sheet; a class that it does not know gets the neutral colour. */
export function classSlug(name: string): string {
  const slug = name.toLowerCase();
  return ["fle", "tle", "non-epileptic"].includes(slug) ? slug : "other";
}
