/** What the large network suggests, how far it can be trusted, and what the marked signs speak for; hidden while read blind. */
import type { ReactNode } from "react";
import type { EventDetail, Suggestion } from "../api/types";
import { ShareBar } from "../components/CoverageBar";
import { ClassChip, classSlug, SimulatedMark } from "../components/SuggestionTag";
import { suggestionWords } from "../suggestionWords";
import { percentText } from "../times";
import { words } from "../words";
import { CalibrationLine } from "./CalibrationLine";
import { EvidencePart } from "./EvidencePart";
import { Trace } from "./Trace";

export function SuggestionPanel({ event }: { event: EventDetail }): ReactNode {
  const { suggestion, reading } = event;
  if (reading === "blind") {
    return (
      <section className="panel blind" aria-labelledby="suggestion-title" data-testid="suggestion">
        <h2 id="suggestion-title">{suggestionWords.blindTitle}</h2>
        <p className="soft">{suggestionWords.blind}</p>
      </section>
    );
  }
  return (
    <section className="panel" aria-labelledby="suggestion-title" data-testid="suggestion">
      <h2 id="suggestion-title">
        {words.review.suggestion} {suggestion?.simulated && <SimulatedMark />}
        {reading === "after_verdict" && <span className="tag-after">{suggestionWords.afterVerdict}</span>}
      </h2>
      {suggestion ? (
        <>
          <Shares suggestion={suggestion} />
          <Trace event={event} best={suggestion.best} />
          <CalibrationLine calibration={event.calibration} share={suggestion.probabilities[suggestion.best] ?? 0} />
          <p className="soft small">
            {words.review.suggestionRelease(suggestion.release)}
            {suggestion.simulated && `. ${words.simulatedHint}`}
          </p>
        </>
      ) : (
        <p className="soft">{words.review.suggestionNone}</p>
      )}
      <EvidencePart eventId={event.event_id} />
    </section>
  );
}

function Shares({ suggestion }: { suggestion: Suggestion }): ReactNode {
  const ranked = Object.entries(suggestion.probabilities).sort((a, b) => b[1] - a[1]);
  return (
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
  );
}
