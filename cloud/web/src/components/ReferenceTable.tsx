/** The reference seizures of a stay, a row each: caught or missed, what was recorded, whether it can be pulled, how the wish stands. */
import type { ReactNode } from "react";
import { Link } from "wouter";
import type { SeizureView } from "../api/types";
import { referenceWords } from "../pullWords";
import { lengthText, percentText } from "../times";
import { Moment } from "./Moment";
import { StandingTag } from "./StandingTag";

const SHAPES = { caught: "●", by_hand: "◐", missed: "▲" } as const;

export function ReferenceTable({ seizures }: { seizures: SeizureView[] }): ReactNode {
  return (
    <table className="worklist" aria-label={referenceWords.title}>
      <thead>
        <tr>
          {Object.values(referenceWords.columns).map((column) => (
            <th key={column} scope="col">
              {column}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {seizures.map((seizure) => (
          <tr key={seizure.reference_id} data-testid="reference-row">
            <td>
              <Moment utc={seizure.start_utc} />
              {seizure.duration_s > 0 && (
                <div className="second">{referenceWords.lasted(lengthText(seizure.duration_s))}</div>
              )}
            </td>
            <td>{seizure.kind}</td>
            <td>
              <Matched seizure={seizure} />
            </td>
            <td>{seizure.coverage === null ? referenceWords.notTold : percentText(seizure.coverage)}</td>
            <td>{ringText(seizure.in_ring)}</td>
            <td>
              {seizure.pull ? <StandingTag standing={seizure.pull} /> : referenceWords.notAsked}
              <div className="second">{seizure.pull_reason}</div>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Matched({ seizure }: { seizure: SeizureView }): ReactNode {
  const word = (
    <span className={`match-${seizure.match}`}>
      <span aria-hidden="true">{SHAPES[seizure.match]}</span> {referenceWords.matches[seizure.match]}
    </span>
  );
  if (!seizure.event_id) return word;
  return <Link href={`/events/${seizure.event_id}`}>{word}</Link>;
}

function ringText(held: boolean | null): string {
  if (held === null) return referenceWords.ring.unknown;
  return held ? referenceWords.ring.yes : referenceWords.ring.no;
}
