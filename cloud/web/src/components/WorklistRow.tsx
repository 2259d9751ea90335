/** One event in the worklist; the whole row opens it, the link inside carries the focus. */
import type { ReactNode } from "react";
import { Link } from "wouter";
import type { WorklistItem } from "../api/types";
import { deskWords } from "../deskWords";
import { pullWords } from "../pullWords";
import { suggestionWords } from "../suggestionWords";
import { ageText, clockText, lengthText, percentText, utcText } from "../times";
import { words } from "../words";
import { ClaimTag } from "./ClaimTag";
import { ClipTag } from "./ClipTag";
import { ShareBar } from "./CoverageBar";
import { SuggestionTag } from "./SuggestionTag";
import { VerdictTag } from "./VerdictTag";

interface WorklistRowProps {
  item: WorklistItem;
  position: number;
  selected: boolean;
  /** Null: this person gives no verdicts, so nothing is chosen. */
  chosen: boolean | null;
  now: Date;
  onOpen: () => void;
  onFocus: () => void;
  onHover: () => void;
  onChoose: () => void;
}

export function WorklistRow(props: WorklistRowProps): ReactNode {
  const { item, position, selected, chosen, now, onOpen, onFocus, onHover, onChoose } = props;
  const start = new Date(item.start_utc);
  const age = ageText((now.getTime() - start.getTime()) / 1000);
  return (
    <tr
      className={selected ? "row selected" : "row"}
      aria-current={selected || undefined}
      onClick={onOpen}
      onPointerEnter={onHover}
      data-testid="event-row"
    >
      {chosen !== null && (
        // biome-ignore lint/a11y/useKeyWithClickEvents: the cell only keeps a click beside the box from opening the event
        <td onClick={(event) => event.stopPropagation()}>
          <input
            type="checkbox"
            checked={chosen}
            tabIndex={-1}
            aria-label={deskWords.choose(item.bed, clockText(start, now))}
            onChange={onChoose}
          />
        </td>
      )}
      <td className="rank" title={item.rank_reason}>
        {position}
      </td>
      <td>
        <Link
          href={`/events/${item.event_id}`}
          className="row-link"
          data-event={item.event_id}
          aria-label={words.worklist.openEvent(item.bed, clockText(start, now))}
          onFocus={onFocus}
          onClick={(event) => event.stopPropagation()}
        >
          <time dateTime={item.start_utc} title={utcText(start)}>
            {clockText(start, now)}
          </time>
        </Link>
        <div className="second">
          {words.worklist.ago(age)},{" "}
          {item.phase === "closed" ? words.worklist.lasting(lengthText(item.duration_s)) : words.worklist.running}
        </div>
      </td>
      <td className="bed-name">
        {item.bed}
        <div className="second">{item.site}</div>
      </td>
      <td>
        {item.patient_code ? (
          <Link
            href={`/patients/${item.site}/${item.patient_code}`}
            className="code"
            onClick={(event) => event.stopPropagation()}
          >
            {item.patient_code}
          </Link>
        ) : (
          <span className="soft">{words.worklist.noPatient}</span>
        )}
      </td>
      <td>{item.cause === "detector" ? <Detected item={item} /> : pullWords.byHand(item.cause)}</td>
      <td>
        <SuggestionTag item={item} />
      </td>
      <td>
        <ClipTag item={item} />
      </td>
      <td>
        <VerdictTag verdict={item.my_verdict} />
        <ClaimTag claim={item.claim} now={now} />
      </td>
    </tr>
  );
}

/** What the detector named it, and how sure it was; of an event by hand it said nothing, read blind it is not told. */
function Detected({ item }: { item: WorklistItem }): ReactNode {
  if (item.motor_type === null || item.peak_score === null)
    return <span className="soft">{suggestionWords.blindShort}</span>;
  return (
    <>
      {words.motorType(item.motor_type)}
      <div className="score-line" title={words.worklist.score(percentText(item.peak_score))}>
        <ShareBar share={item.peak_score} tone="score" />
        <span className="figure">{percentText(item.peak_score)}</span>
      </div>
    </>
  );
}
