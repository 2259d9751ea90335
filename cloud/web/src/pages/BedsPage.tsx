/** All beds of one's sites as cards in a steady order; below, for ops, what was lost and found, and the messages that were refused. */
import { type ReactNode, useEffect } from "react";
import { sentenceOf } from "../api/client";
import type { Bed } from "../api/types";
import { BedCard } from "../components/BedCard";
import { Moment } from "../components/Moment";
import { Loading, Notice } from "../components/Notice";
import { ReadingPolicy } from "../components/ReadingPolicy";
import { useBeds, useDeadLetters, useDifferences, useSession } from "../queries";
import { shownTo } from "../roles";
import { words } from "../words";

export function BedsPage(): ReactNode {
  const shown = shownTo(useSession().data?.role);
  const query = useBeds();
  useEffect(() => {
    document.title = `${words.beds.title} – ${words.product}`;
  }, []);
  const beds = inOrder(query.data?.beds ?? []);
  return (
    <main id="content" className="page" data-testid="beds-page">
      <div className="page-head">
        <h1>{words.beds.title}</h1>
      </div>
      {query.data === undefined && query.isError && (
        <Notice title={words.beds.failed} text={sentenceOf(query.error)} tone="bad" />
      )}
      {query.data === undefined && !query.isError && <Loading text={words.beds.loading} rows={4} />}
      {query.data !== undefined && beds.length === 0 && <Notice title={words.beds.empty} text={words.beds.emptyMore} />}
      <div className="cards">
        {beds.map((bed) => (
          <BedCard
            key={`${bed.site}/${bed.bed}`}
            bed={bed}
            freeBeds={freeBeds(bed, beds)}
            mayChange={shown.stays}
            mayWatch={shown.live}
          />
        ))}
      </div>
      {shown.deadLetters && <Differences />}
      {shown.policies && <ReadingPolicy />}
      {shown.deadLetters && <DeadLetters />}
    </main>
  );
}

/** By site and name, so that a card never moves under the mouse. */
function inOrder(beds: Bed[]): Bed[] {
  const key = (bed: Bed) => `${bed.site}/${bed.bed}`;
  return [...beds].sort((a, b) => key(a).localeCompare(key(b), "en", { numeric: true }));
}

function freeBeds(from: Bed, beds: Bed[]): string[] {
  return beds.filter((bed) => bed.site === from.site && bed.bed !== from.bed && !bed.stay).map((bed) => bed.bed);
}

function Differences(): ReactNode {
  const items = useDifferences().data?.items ?? [];
  if (items.length === 0) return null;
  return (
    <section className="panel dead-letters" data-testid="differences">
      <h2>{words.beds.differences}</h2>
      <p className="soft">{words.beds.differencesMore}</p>
      <ul>
        {items.map((item) => (
          <li key={`${item.bed}-${item.sentence}`}>
            <Moment utc={item.at} /> <strong>{item.bed}</strong> {words.beds.differenceStates[item.state]}:{" "}
            {item.sentence}
          </li>
        ))}
      </ul>
    </section>
  );
}

function DeadLetters(): ReactNode {
  const items = useDeadLetters().data?.items ?? [];
  if (items.length === 0) return null;
  return (
    <section className="panel dead-letters">
      <h2>{words.beds.deadLetters}</h2>
      <p className="soft">{words.beds.deadLettersMore}</p>
      <ul>
        {items.map((item) => (
          <li key={`${item.at}-${item.bed}-${item.reason}`}>
            <Moment utc={item.at} /> <strong>{item.bed}</strong> {item.reason}
          </li>
        ))}
      </ul>
    </section>
  );
}
