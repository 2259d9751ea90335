/** The facts of an event, each with its unit, and who has said what about it. */
import type { ReactNode } from "react";
import type { EventDetail } from "../api/types";
import { ageText, lengthText, percentText } from "../times";
import { words } from "../words";
import { ClipTag } from "./ClipTag";
import { Moment } from "./Moment";
import { VerdictTag } from "./VerdictTag";

/** Opened at the bed, an event is here within seconds, one marked by hand begins a minute before the mark. */
const LATE_SECONDS = 180;

export function EventFacts({ event }: { event: EventDetail }): ReactNode {
  const coverage = Object.entries(event.coverage)
    .map(([stream, share]) => `${words.streams[stream] ?? stream} ${percentText(share)}`)
    .join(", ");
  const found = event.cause === "detector";
  return (
    <section className="panel" aria-labelledby="facts-title">
      <h2 id="facts-title">{words.review.facts}</h2>
      <dl className="facts">
        <Fact name={words.review.length}>
          {event.phase === "closed" ? lengthText(event.duration_s) : words.review.eventRunning}
        </Fact>
        {found && event.motor_type && <Fact name={words.review.detected}>{words.motorType(event.motor_type)}</Fact>}
        {found && event.peak_score !== null && <Fact name={words.review.peak}>{percentText(event.peak_score)}</Fact>}
        <Fact name={words.review.cause}>{words.review.causes[event.cause] ?? event.cause}</Fact>
        <Arrival event={event} />
        <Fact name={words.review.clip}>
          <ClipTag item={event} />
        </Fact>
        {event.lost.length > 0 && (
          <Fact name={words.review.partial}>
            {words.review.lost(event.lost.length, [...new Set(event.lost.map((one) => one.reason))].join("; "))}
          </Fact>
        )}
        {coverage && <Fact name={words.review.coverage}>{coverage}</Fact>}
        {found && <Fact name={words.review.detector}>{event.release}</Fact>}
        <Fact name={words.review.rank}>{event.rank_reason}</Fact>
      </dl>
      <h3>{words.review.reviews}</h3>
      {event.reviews.length === 0 && <p className="soft">{words.review.noReviews}</p>}
      <ul className="reviews">
        {event.reviews.map((review) => (
          <li key={`${review.reviewer}-${review.version}`}>
            {review.reviewer} <VerdictTag verdict={review.verdict} />
            <span className="soft push">
              <Moment utc={review.reviewed_utc} />
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}

/** An event that came long after it began says so: bed or cloud was away. A pulled span is old by nature. */
function Arrival({ event }: { event: EventDetail }): ReactNode {
  const lateSeconds = (Date.parse(event.received_utc) - Date.parse(event.start_utc)) / 1000;
  if (event.cause === "pull" || lateSeconds < LATE_SECONDS) return null;
  return (
    <Fact name={words.review.arrived}>
      <Moment utc={event.received_utc} />, {words.review.arrivedLate(ageText(lateSeconds))}
    </Fact>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }): ReactNode {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
