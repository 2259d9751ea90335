/** One bed at a glance: does it record, who stays there, what is missing, what waits; and what a nurse may change. */
import { type ReactNode, useState } from "react";
import { Link } from "wouter";
import type { Bed } from "../api/types";
import { clockLine } from "../clocks";
import { LiveLine, WatchButton } from "../live/WatchButton";
import { ageText, clockText, hoursText, percentText } from "../times";
import { words } from "../words";
import { type BedDeed, BedDialog } from "./BedDialog";
import { CoverageBar } from "./CoverageBar";
import { HourBars } from "./HourBars";
import { MarkButton } from "./MarkButton";
import { Moment } from "./Moment";
import { ProcessTable } from "./ProcessTable";

const STREAMS = ["ir", "depth", "colour"] as const;
/** A stream that recorded less than this of the last hour is shown as short. */
const ENOUGH = 0.95;

/** Opens the question before a deed; null where the role may not do it. */
type Ask = ((deed: BedDeed) => void) | null;

interface BedCardProps {
  bed: Bed;
  freeBeds: string[];
  mayChange: boolean;
  mayWatch: boolean;
}

export function BedCard({ bed, freeBeds, mayChange, mayWatch }: BedCardProps): ReactNode {
  const [deed, setDeed] = useState<BedDeed | null>(null);
  const heading = `bed-${bed.site}-${bed.bed}`;
  return (
    <article className="card" aria-labelledby={heading} data-testid={`bed-${bed.bed}`}>
      <header className="card-head">
        <h2 id={heading}>
          {bed.bed} <span className="soft">{bed.site}</span>
        </h2>
        <Online bed={bed} />
      </header>
      <RecordingLine bed={bed} onDeed={mayChange ? setDeed : null} mayWatch={mayWatch} />
      <LiveLine bed={bed} />
      {bed.alarms.length > 0 && (
        <div className="alarms">
          <h3>{words.beds.alarms}</h3>
          <ul>
            {[...new Set(bed.alarms)].map((alarm) => (
              <li key={alarm}>{alarm}</li>
            ))}
          </ul>
        </div>
      )}
      <StayLine bed={bed} onDeed={mayChange ? setDeed : null} />
      {!bed.online && bed.seen_utc && (
        <p className="soft">{words.beds.stale(clockText(new Date(bed.seen_utc), new Date()))}</p>
      )}
      <Coverage bed={bed} />
      <HourBars bed={bed} streams={STREAMS} />
      <Facts bed={bed} />
      <ProcessTable processes={bed.processes} />
      {deed && <BedDialog deed={deed} bed={bed} freeBeds={freeBeds} onClose={() => setDeed(null)} />}
    </article>
  );
}

function Coverage({ bed }: { bed: Bed }): ReactNode {
  const told = STREAMS.filter((stream) => stream in bed.coverage_1h);
  if (told.length === 0) return null;
  return (
    <div>
      <h3>{words.beds.coverage}</h3>
      {told.map((stream) => {
        const share = bed.coverage_1h[stream] ?? 0;
        const name = words.streams[stream] ?? stream;
        return <CoverageBar key={stream} name={name} share={share} tone={share < ENOUGH ? "low" : "plain"} />;
      })}
    </div>
  );
}

function Online({ bed }: { bed: Bed }): ReactNode {
  if (bed.online) return <span className="state state-good">{words.beds.online}</span>;
  const age = bed.seen_utc ? ageText((Date.now() - Date.parse(bed.seen_utc)) / 1000) : null;
  return (
    <span className="state state-bad">
      {words.beds.offline}, {age ? words.beds.seen(age) : words.beds.never}
    </span>
  );
}

/** What the bed does with the picture now, by its own last word, and the privacy switch. */
function RecordingLine({ bed, onDeed, mayWatch }: { bed: Bed; onDeed: Ask; mayWatch: boolean }): ReactNode {
  const { text, tone } = recordingState(bed);
  return (
    <div className="card-line recording-line">
      <span className={`recording recording-${tone}`} data-testid="recording-state">
        {text}
      </span>
      <span className="push buttons">
        {mayWatch && <WatchButton bed={bed} />}
        {onDeed && <MarkButton bed={bed} />}
        {onDeed && <DeedButton deed={bed.paused ? "resume" : "pause"} onDeed={onDeed} />}
      </span>
    </div>
  );
}

function recordingState(bed: Bed): { text: string; tone: "on" | "off" | "unknown" } {
  if (bed.paused && !bed.online) return { text: words.beds.pauseAsked, tone: "unknown" };
  if (bed.paused && !bed.paused_at_bed) return { text: words.beds.pauseOnItsWay, tone: "on" };
  if (bed.paused) return { text: words.beds.paused, tone: "off" };
  if (!bed.recording_wanted) return { text: words.beds.notRecording, tone: "off" };
  if (!bed.online) return { text: words.beds.unknown, tone: "unknown" };
  if (bed.camera !== "open") return { text: words.beds.noCamera, tone: "off" };
  return { text: words.beds.recording, tone: "on" };
}

function StayLine({ bed, onDeed }: { bed: Bed; onDeed: Ask }): ReactNode {
  return (
    <div className="card-line stay">
      {bed.stay ? (
        <>
          <span>
            <span className="code" data-testid="patient-code">
              {bed.stay.patient_code ?? words.beds.hiddenCode}
            </span>
            <div className="second">
              {words.beds.since} <Moment utc={bed.stay.admitted_utc} />
            </div>
          </span>
          {onDeed && (
            <span className="push buttons">
              <DeedButton deed="transfer" onDeed={onDeed} />
              <DeedButton deed="discharge" onDeed={onDeed} />
            </span>
          )}
        </>
      ) : (
        <>
          <span className="soft">{words.beds.nobody}</span>
          {onDeed && <DeedButton deed="admit" onDeed={onDeed} />}
        </>
      )}
    </div>
  );
}

function DeedButton({ deed, onDeed }: { deed: BedDeed; onDeed: (deed: BedDeed) => void }): ReactNode {
  return (
    <button type="button" className="button button-small push" onClick={() => onDeed(deed)}>
      {words.beds[deed]}
    </button>
  );
}

function Facts({ bed }: { bed: Bed }): ReactNode {
  const rows: [string, ReactNode][] = [
    [words.beds.camera, bed.camera ?? words.beds.notSaid],
    [words.beds.score, bed.last_score === null ? words.beds.noScore : percentText(bed.last_score)],
    [words.beds.ring, ringText(bed)],
    [words.beds.waiting, waitingText(bed)],
    [words.beds.clocks, clockLine(bed)],
    [words.beds.release, bed.release ?? words.beds.noRelease],
    [words.beds.lastEvent, <LastEvent key="last" bed={bed} />],
    [words.beds.version, bed.version ?? words.beds.notSaid],
  ];
  return (
    <dl className="facts">
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** When the newest event began; a door to it for those who see events. */
function LastEvent({ bed }: { bed: Bed }): ReactNode {
  if (!bed.last_event_utc) return words.beds.noEvent;
  const moment = <Moment utc={bed.last_event_utc} />;
  return bed.last_event_id ? <Link href={`/events/${bed.last_event_id}`}>{moment}</Link> : moment;
}

function ringText(bed: Bed): string {
  if (bed.ring_hours === null || bed.promise_hours === null) return words.beds.notSaid;
  return words.beds.ringText(hoursText(bed.ring_hours), hoursText(bed.promise_hours));
}

function waitingText(bed: Bed): string {
  if (bed.outbox_waiting === null || bed.clips_waiting === null) return words.beds.notSaid;
  return words.beds.waitingText(bed.outbox_waiting, bed.clips_waiting);
}
