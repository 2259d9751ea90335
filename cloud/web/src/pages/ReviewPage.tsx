/** One event: watch it, judge it with one key, go on. The page waits for a clip that is still on its way. */
import { type ReactNode, useEffect } from "react";
import { Link, useLocation } from "wouter";
import { AnnotationPanel } from "../annotation/AnnotationPanel";
import { Problem, sentenceOf } from "../api/client";
import type { EventDetail } from "../api/types";
import { ClaimLine } from "../components/ClaimLine";
import { ClipPlayer } from "../components/ClipPlayer";
import { EventFacts } from "../components/EventFacts";
import { ExportMenu } from "../components/ExportMenu";
import { ExtendClip } from "../components/ExtendClip";
import { Moment } from "../components/Moment";
import { Loading, Notice } from "../components/Notice";
import { Timeline } from "../components/Timeline";
import { VerdictBar } from "../components/VerdictBar";
import { useAhead } from "../playerQueries";
import { useEvent } from "../queries";
import { SuggestionPanel } from "../suggestion/SuggestionPanel";
import { useKeys } from "../useKeys";
import { useBegun, usePlayer } from "../usePlayer";
import { usePlayerKeys } from "../usePlayerKeys";
import { useVerdict } from "../useVerdict";
import { useZoom } from "../useZoom";
import { words } from "../words";

export function ReviewPage({ eventId }: { eventId: string }): ReactNode {
  const query = useEvent(eventId);
  const event = query.data;
  const verdict = useVerdict(event);
  const [, go] = useLocation();
  useKeys("review", {
    confirm: () => verdict.give("confirmed"),
    reject: () => verdict.give("rejected"),
    unsure: () => verdict.give("unsure"),
    next: verdict.next,
    worklist: () => go("/"),
  });
  useEffect(() => {
    document.title = `${words.review.facts} ${event?.bed ?? ""} – ${words.product}`;
  }, [event?.bed]);
  return (
    <main id="content" className="page review" data-testid="review-page" data-event={event?.event_id}>
      {!event && query.isError && <Failed error={query.error} />}
      {!event && !query.isError && <Loading text={words.review.loading} rows={6} />}
      {event && (
        <>
          <Watch event={event} />
          <aside className="side">
            <ClaimLine eventId={event.event_id} />
            <VerdictBar
              verdict={event.my_verdict}
              saving={verdict.saving}
              fault={verdict.fault}
              onVerdict={verdict.give}
              onNext={verdict.next}
              allowed={verdict.allowed}
            />
            <SuggestionPanel event={event} />
            <EventFacts event={event} />
          </aside>
        </>
      )}
    </main>
  );
}

function Watch({ event }: { event: EventDetail }): ReactNode {
  const player = usePlayer(event);
  const zoom = useZoom(event.clip_duration_ns);
  usePlayerKeys(player, event, zoom);
  useAhead(event, useBegun(player));
  useEffect(() => {
    if (!window.matchMedia("(prefers-reduced-motion: reduce)").matches) player.play();
  }, [player]);
  return (
    <div className="watch">
      <Heading event={event} />
      <ClipPlayer event={event} player={player} />
      <Timeline event={event} player={player} zoom={zoom} />
      <AnnotationPanel key={event.event_id} event={event} player={player} span={zoom.span} />
      <ExtendClip event={event} />
    </div>
  );
}

function Heading({ event }: { event: EventDetail }): ReactNode {
  return (
    <div className="page-head">
      <Link href="/" className="back" title="Esc">
        ← {words.review.back}
      </Link>
      <h1>{event.bed}</h1>
      {event.patient_code ? (
        <Link href={`/patients/${event.site}/${event.patient_code}`} className="code">
          {event.patient_code}
        </Link>
      ) : (
        <span className="soft">{words.worklist.noPatient}</span>
      )}
      <span>
        <span className="soft">{words.review.start}</span> <Moment utc={event.start_utc} />
      </span>
      <ExportMenu event={event} />
    </div>
  );
}

function Failed({ error }: { error: Error }): ReactNode {
  if (error instanceof Problem && error.status === 404) return <Notice title={words.review.missing} />;
  if (error instanceof Problem && error.status === 422) return <Notice title={words.review.missing} />;
  return <Notice title={words.review.failed} text={sentenceOf(error)} tone="bad" />;
}
