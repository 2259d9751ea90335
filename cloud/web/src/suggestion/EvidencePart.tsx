/** What the reader's own marked signs speak for, by counted likelihood ratios, with every step and source to be seen. */
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { termWord } from "../annotation/terms";
import { type Annotations, desk, type Evidence, type Term } from "../api/desk";
import { useSession } from "../queries";
import { shownTo } from "../roles";
import { suggestionWords as words } from "../suggestionWords";
import { leaning, timesText } from "./odds";

export function EvidencePart({ eventId }: { eventId: string }): ReactNode {
  const allowed = shownTo(useSession().data?.role).verdicts;
  const annotation = useQuery<Annotations>({
    queryKey: ["annotation", eventId],
    queryFn: ({ signal }) => desk.annotations(eventId, signal),
    enabled: allowed,
    staleTime: Number.POSITIVE_INFINITY,
    refetchOnWindowFocus: false,
  });
  const vocabulary = useQuery({
    queryKey: ["vocabulary"],
    queryFn: ({ signal }) => desk.vocabulary(signal),
    enabled: allowed,
    staleTime: Number.POSITIVE_INFINITY,
  });
  if (!allowed) return null;
  const found = annotation.data?.mine?.evidence ?? [];
  const terms = vocabulary.data?.mois ?? [];
  return (
    <div className="evidence" data-testid="evidence">
      <h3>{words.evidence}</h3>
      {found.length === 0 && <p className="soft small">{words.evidenceNone}</p>}
      {found.map((one) => (
        <Question key={one.question} found={one} terms={terms} />
      ))}
      {found.length > 0 && <p className="soft small">{words.limits}</p>}
    </div>
  );
}

function Question({ found, terms }: { found: Evidence; terms: readonly Term[] }): ReactNode {
  const known = found.signs.length > 0;
  return (
    <details className="question">
      <summary>
        <span>{words.questions[found.question] ?? found.question}</span>
        <span className="figure push">
          {known ? speaks(found.odds, found.answers, found.stopped) : <span className="soft">–</span>}
        </span>
      </summary>
      {known ? <Signs found={found} terms={terms} /> : <p className="soft small">{words.noFigures}</p>}
      {found.unknown.length > 0 && (
        <p className="soft small">{words.unknown(found.unknown.map((key) => termWord(terms, key)).join(", "))}</p>
      )}
      <p className="soft small">{words.source(found.source)}</p>
    </details>
  );
}

function Signs({ found, terms }: { found: Evidence; terms: readonly Term[] }): ReactNode {
  return (
    <table className="signs">
      <thead>
        <tr>
          <th scope="col">{words.sign}</th>
          <th scope="col">{words.speaksFor}</th>
        </tr>
      </thead>
      <tbody>
        <tr className="soft">
          <td>{words.before}</td>
          <td>{speaks(found.odds_before, found.answers, false)}</td>
        </tr>
        {found.signs.map((sign) => (
          <tr key={sign.term} className={sign.passed_over ? "passed-over" : ""}>
            <td>
              {termWord(terms, sign.term)}
              {sign.passed_over && <div className="second">{words.passedOver[sign.passed_over]}</div>}
            </td>
            <td>{speaks(sign.ratio, found.answers, false)}</td>
          </tr>
        ))}
      </tbody>
      <tfoot>
        <tr>
          <td>{words.after}</td>
          <td>{speaks(found.odds, found.answers, found.stopped)}</td>
        </tr>
      </tfoot>
    </table>
  );
}

/** `8.5 : 1 for epileptic`; odds and ratios read alike. */
function speaks(ratio: number, answers: readonly string[], stopped: boolean): string {
  const { towards, times } = leaning(ratio);
  if (towards === null) return words.even;
  const answer = answers[towards] ?? "";
  return words.odds(`${stopped ? words.atLeast : ""}${timesText(times)} : 1`, words.answers[answer] ?? answer);
}
