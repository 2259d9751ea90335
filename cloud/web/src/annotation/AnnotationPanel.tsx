/** The annotation of one event under its timeline: a line that says how it stands, and the desk to work at. */
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { annotationWords as words } from "../annotationWords";
import { desk, exportPath, type Vocabulary } from "../api/desk";
import type { EventDetail } from "../api/types";
import type { Player } from "../player";
import { useSession } from "../queries";
import { shownTo } from "../roles";
import type { Span } from "../timeline";
import { clockText } from "../times";
import { AnnotationFields } from "./AnnotationFields";
import { ClashDialog } from "./ClashDialog";
import { CommentBox } from "./CommentBox";
import { MoiTable } from "./MoiTable";
import { MoiTracks } from "./MoiTracks";
import { type AnnotationControl, useAnnotation } from "./useAnnotation";
import { useDesk } from "./useDesk";

interface PanelProps {
  event: EventDetail;
  player: Player;
  span: Span;
}

export function AnnotationPanel(props: PanelProps): ReactNode {
  const person = useSession().data;
  const vocabulary = useQuery({
    queryKey: ["vocabulary"],
    queryFn: ({ signal }) => desk.vocabulary(signal),
    staleTime: Number.POSITIVE_INFINITY,
    refetchInterval: (query) => (query.state.data === undefined ? 4_000 : false),
  });
  if (!person || !shownTo(person.role).verdicts || !vocabulary.data) return null;
  return <Panel {...props} account={person.account} vocabulary={vocabulary.data} />;
}

function Panel({ event, player, span, account, vocabulary }: PanelProps & { account: string; vocabulary: Vocabulary }) {
  const control = useAnnotation(event.event_id, account, event.suggestion !== null);
  const [on, setOn] = useState(false);
  const place = useDesk({ event, player, vocabulary, control, on, setOn });
  const said = control.work.now;
  return (
    <section
      className="annotation"
      aria-labelledby="annotation-title"
      data-testid="annotation"
      data-saving={control.saving}
    >
      <Line control={control} on={on} eventId={event.event_id} account={account} onToggle={() => setOn(!on)} />
      {(on || said.mois.length > 0) && (
        <MoiTracks
          said={said}
          span={span}
          clipNs={event.clip_duration_ns}
          vocabulary={vocabulary}
          selected={place.selected}
          onSelect={place.select}
          onDrag={place.drag}
        />
      )}
      {on && !control.loaded && <p className="soft">{control.failed ? words.failed : words.loading}</p>}
      {on && control.loaded && (
        <div className="annotation-desk">
          <AnnotationFields
            said={said}
            vocabulary={vocabulary}
            place={place}
            control={control}
            event={event}
            player={player}
          />
          <MoiTable said={said} vocabulary={vocabulary} place={place} event={event} player={player} />
          <CommentBox said={said} onKeep={place.comment} />
          <Keys />
        </div>
      )}
      {control.clash && <ClashDialog merged={control.clash} vocabulary={vocabulary} onDone={control.settle} />}
    </section>
  );
}

function Line({ control, on, eventId, account, onToggle }: LineProps): ReactNode {
  const view = control.savedView;
  const bad = control.saving === "refused" || control.saving === "clash";
  return (
    <div className="annotation-line">
      <h2 id="annotation-title">{words.title}</h2>
      <button type="button" className="button button-small" aria-expanded={on} aria-keyshortcuts="a" onClick={onToggle}>
        {on ? words.close : words.open} <kbd>a</kbd>
      </button>
      <span
        role="status"
        className={bad ? "fault" : control.saving === "kept" ? "warned" : "soft"}
        data-testid="annotation-state"
      >
        {(view || control.saving !== "saved") && words.saving[control.saving]}
        {control.fault === "full" ? ` ${words.notKept}` : control.fault && `: ${control.fault}`}
        {view &&
          control.saving === "saved" &&
          ` (${words.savedAt(view.version, clockText(new Date(view.saved_utc), new Date()))})`}
      </span>
      {control.others.length > 0 && (
        <span className="soft">{words.others(control.others.map((one) => one.annotator).join(", "))}</span>
      )}
      {on && (
        <span className="push annotation-tools">
          <button
            type="button"
            className="button button-small"
            disabled={control.work.past.length === 0}
            onClick={control.undo}
          >
            {words.undo}
          </button>
          <button
            type="button"
            className="button button-small"
            disabled={control.work.future.length === 0}
            onClick={control.redo}
          >
            {words.redo}
          </button>
          {view && (
            <a className="button button-small" href={exportPath(eventId, account)} title={words.exportHint} download>
              {words.export}
            </a>
          )}
        </span>
      )}
    </div>
  );
}

interface LineProps {
  control: AnnotationControl;
  on: boolean;
  eventId: string;
  account: string;
  onToggle: () => void;
}

function Keys(): ReactNode {
  return (
    <details className="annotation-keys">
      <summary>{words.keys}</summary>
      <dl className="keys">
        {words.keyList.map(([key, text]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
    </details>
  );
}
