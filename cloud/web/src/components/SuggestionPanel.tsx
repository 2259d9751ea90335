/** What the large network suggests: all classes with their shares, the release, and the simulated mark. */
import type { ReactNode } from "react";
import type { Suggestion } from "../api/types";
import { percentText } from "../times";
import { words } from "../words";
import { ShareBar } from "./CoverageBar";
import { ClassChip, classSlug, SimulatedMark } from "./SuggestionTag";

export function SuggestionPanel({ suggestion }: { suggestion: Suggestion | null }): ReactNode {
  return (
    <section className="panel" aria-labelledby="suggestion-title" data-testid="suggestion">
      <h2 id="suggestion-title">
        {words.review.suggestion} {suggestion?.simulated && <SimulatedMark />}
      </h2>
      {suggestion ? <Shares suggestion={suggestion} /> : <p className="soft">{words.review.suggestionNone}</p>}
    </section>
  );
}

function Shares({ suggestion }: { suggestion: Suggestion }): ReactNode {
  const ranked = Object.entries(suggestion.probabilities).sort((a, b) => b[1] - a[1]);
  return (
    <>
      <ul className="shares">
        {ranked.map(([name, share]) => (
          <li key={name} className={name === suggestion.best ? "best" : ""}>
            <ClassChip name={name} />
            <span>{words.className(name)}</span>
            <span className="figure">{percentText(share)}</span>
            <ShareBar share={share} tone={classSlug(name)} />
          </li>
        ))}
      </ul>
      <p className="soft small">
        {words.review.suggestionRelease(suggestion.release)}
        {suggestion.simulated && `. ${words.simulatedHint}`}
      </p>
    </>
  );
}
