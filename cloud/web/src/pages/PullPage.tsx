/** Ask a bed for a span of its ring, and watch it come. */
import { type ReactNode, useEffect } from "react";
import { Link } from "wouter";
import { sentenceOf } from "../api/client";
import type { PartView, PullView } from "../api/types";
import { ShareBar } from "../components/CoverageBar";
import { Moment } from "../components/Moment";
import { Loading, Notice } from "../components/Notice";
import { PullForm } from "../components/PullForm";
import { StandingTag } from "../components/StandingTag";
import { pullWords } from "../pullWords";
import { useBeds, usePulls } from "../queries";
import { lengthText, percentText } from "../times";
import { words } from "../words";

export function PullPage(): ReactNode {
  const beds = useBeds();
  const pulls = usePulls();
  const failed = [beds, pulls].find((query) => query.data === undefined && query.isError);
  useEffect(() => {
    document.title = `${pullWords.tab} – ${words.product}`;
  }, []);
  return (
    <main id="content" className="page" data-testid="pull-page">
      <div className="page-head">
        <h1>{pullWords.title}</h1>
      </div>
      <p className="soft">{pullWords.lead}</p>
      {failed && <Notice title={pullWords.failed} text={sentenceOf(failed.error)} tone="bad" />}
      {!failed && (beds.data === undefined || pulls.data === undefined) && (
        <Loading text={pullWords.loading} rows={4} />
      )}
      {beds.data &&
        (beds.data.beds.length > 0 ? <PullForm beds={beds.data.beds} /> : <Notice title={pullWords.noBeds} />)}
      {pulls.data && <Asked items={pulls.data.items} />}
    </main>
  );
}

function Asked({ items }: { items: PullView[] }): ReactNode {
  if (items.length === 0) return <Notice title={pullWords.emptyTitle} />;
  return (
    <table className="worklist pulls" aria-label={pullWords.asked}>
      <thead>
        <tr>
          {Object.values(pullWords.columns).map((column) => (
            <th key={column} scope="col">
              {column}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {items.map((pull) => (
          <tr key={pull.pull_id} data-testid="pull-row">
            <td>
              <Moment utc={pull.start_utc} />
              <div className="second">
                {lengthText((Date.parse(pull.end_utc) - Date.parse(pull.start_utc)) / 1000)},{" "}
                {pullWords.cause(pull.cause)}
              </div>
            </td>
            <td>
              {pull.bed} <span className="soft">{pull.site}</span>
            </td>
            <td>
              {pull.asked_by}
              <div className="second">
                <Moment utc={pull.asked_utc} />
              </div>
            </td>
            <td>
              <StandingTag standing={pull.standing} />
              <div className="second">{reasonOf(pull)}</div>
            </td>
            <td>
              {pull.parts.map((part) => (
                <Part key={part.event_id} part={part} />
              ))}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function reasonOf(pull: PullView): string {
  if (pull.standing === "asked") return pull.online ? pullWords.waitsForAnswer : pullWords.waitsForBed;
  return pull.reason;
}

function Part({ part }: { part: PartView }): ReactNode {
  // Streams are mostly held and lost together: those that stand alike are told once.
  const alike = new Map<string, string[]>();
  for (const [stream, each] of Object.entries(part.streams)) {
    const causes = [...Object.entries(each.lost ?? {}), ...Object.entries(each.not_wanted ?? {})];
    const missing = causes.map(([cause, share]) => `${percentText(share)} ${words.gapCause(cause)}`);
    if ((each.evicted ?? 0) > part.evicted) missing.push(pullWords.evicted(percentText(each.evicted)));
    const text = [percentText(each.held), ...missing].join(", ");
    alike.set(text, [...(alike.get(text) ?? []), words.streams[stream] ?? stream]);
  }
  const told = [...alike].map(([text, names]) => pullWords.held(names.join(", "), text));
  if (part.evicted > 0) told.push(pullWords.evicted(percentText(part.evicted)));
  return (
    <div className="part">
      {part.known ? (
        <Link href={`/events/${part.event_id}`} className="row-link">
          {pullWords.open}
        </Link>
      ) : (
        <span className="soft">{pullWords.notHereYet}</span>
      )}
      {part.known && !part.stored && (
        <span className="part-share">
          <ShareBar share={part.stored_share} />
          <span className="figure soft">{words.clip.storedShare(percentText(part.stored_share))}</span>
        </span>
      )}
      <span className="second">{told.join("; ")}</span>
    </div>
  );
}
