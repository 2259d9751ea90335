/** Movements of interest as bars on tracks, one track a term, under the timeline and to its scale. Bars and their edges are dragged. */
import { type PointerEvent, type ReactNode, useRef } from "react";
import { annotationWords as words } from "../annotationWords";
import type { Annotation, Moi, Vocabulary } from "../api/desk";
import type { Span } from "../timeline";
import { offsetText } from "../times";
import { ordered } from "./draft";
import { termWord } from "./terms";

interface TracksProps {
  said: Annotation;
  span: Span;
  clipNs: number;
  vocabulary: Vocabulary;
  selected: string;
  onSelect: (id: string) => void;
  onDrag: (id: string, fields: Partial<Moi>, first: boolean) => void;
}

type Grip = "start_ns" | "end_ns" | "whole";

export function MoiTracks(props: TracksProps): ReactNode {
  const { said, span } = props;
  const tracks = [...new Set(ordered(said.mois).map((moi) => moi.term))];
  return (
    <div className="tracks" data-testid="moi-tracks">
      <EventTrack said={said} span={span} />
      {tracks.map((term) => (
        <div key={term} className="track">
          <span className="track-name" title={termWord(props.vocabulary.mois, term)}>
            {termWord(props.vocabulary.mois, term)}
          </span>
          <div className="track-line">
            {said.mois
              .filter((moi) => moi.term === term)
              .map((moi) => (
                <Bar key={moi.id} moi={moi} {...props} />
              ))}
          </div>
        </div>
      ))}
    </div>
  );
}

function shareOf(span: Span, ns: number): number {
  return Math.max(0, Math.min(1, span.lengthNs > 0 ? (ns - span.startNs) / span.lengthNs : 0)) * 100;
}

function EventTrack({ said, span }: { said: Annotation; span: Span }): ReactNode {
  const from = said.onset?.at_ns;
  const to = said.offset?.at_ns;
  return (
    <div className="track">
      <span className="track-name">{words.event}</span>
      <svg className="track-line" aria-hidden="true" preserveAspectRatio="none" viewBox="0 0 100 10">
        {from !== undefined && to !== undefined && (
          <rect
            className="event-bar"
            x={shareOf(span, from)}
            y="3"
            width={shareOf(span, to) - shareOf(span, from)}
            height="4"
          />
        )}
        {[from, to].map(
          (at, index) =>
            at !== undefined && (
              <line
                key={index === 0 ? "from" : "to"}
                className="event-edge"
                x1={shareOf(span, at)}
                x2={shareOf(span, at)}
                y1="0"
                y2="10"
              />
            ),
        )}
      </svg>
    </div>
  );
}

function Bar({
  moi,
  said,
  span,
  clipNs,
  vocabulary,
  selected,
  onSelect,
  onDrag,
}: TracksProps & { moi: Moi }): ReactNode {
  const grip = useRef<{ kind: Grip; x: number; was: Moi; moved: boolean } | null>(null);
  const [left, right] = [shareOf(span, moi.start_ns), shareOf(span, moi.end_ns)];
  if (moi.end_ns < span.startNs || moi.start_ns > span.startNs + span.lengthNs) return null;
  const name = termWord(vocabulary.mois, moi.term);
  const onset = said.onset?.at_ns ?? 0;
  const down = (kind: Grip) => (pointer: PointerEvent<HTMLElement>) => {
    pointer.stopPropagation();
    pointer.currentTarget.setPointerCapture(pointer.pointerId);
    grip.current = { kind, x: pointer.clientX, was: moi, moved: false };
    onSelect(moi.id);
  };
  const move = (pointer: PointerEvent<HTMLElement>) => {
    const held = grip.current;
    const line = pointer.currentTarget.closest(".track-line");
    if (!held || !line || !(pointer.buttons & 1)) return;
    const byNs = Math.round(((pointer.clientX - held.x) / line.clientWidth) * span.lengthNs);
    if (byNs === 0 && !held.moved) return;
    onDrag(moi.id, dragged(held.kind, held.was, byNs, clipNs), !held.moved);
    held.moved = true;
  };
  const up = () => {
    grip.current = null;
  };
  const grips = { onPointerMove: move, onPointerUp: up, onPointerCancel: up };
  return (
    <div
      className={moi.id === selected ? "bar chosen" : "bar"}
      ref={(element) => {
        element?.style.setProperty("left", `${left}%`);
        element?.style.setProperty("width", `${Math.max(0.4, right - left)}%`);
      }}
    >
      <button
        type="button"
        className="bar-body"
        aria-pressed={moi.id === selected}
        aria-label={words.select(name, offsetText(moi.start_ns - onset))}
        onPointerDown={down("whole")}
        {...grips}
        onClick={() => onSelect(moi.id)}
      />
      <span className="bar-edge bar-start" title={words.startEdge(name)} onPointerDown={down("start_ns")} {...grips} />
      <span className="bar-edge bar-end" title={words.endEdge(name)} onPointerDown={down("end_ns")} {...grips} />
    </div>
  );
}

function dragged(kind: Grip, was: Moi, byNs: number, clipNs: number): Partial<Moi> {
  if (kind !== "whole") return { [kind]: was[kind] + byNs };
  const by = Math.max(-was.start_ns, Math.min(clipNs - was.end_ns, byNs));
  return { start_ns: was.start_ns + by, end_ns: was.end_ns + by };
}
