/** The rows of the worklist with keys, a selection for bulk rejection, and the preview of the row at hand. */
import { type ReactNode, useRef, useState } from "react";
import { useLocation } from "wouter";
import type { TaskState } from "../api/desk";
import type { WorklistItem } from "../api/types";
import { deskWords } from "../deskWords";
import { moveSelection } from "../next";
import { useSession } from "../queries";
import { shownTo } from "../roles";
import { useBulk } from "../useBulk";
import { useKeys } from "../useKeys";
import { words } from "../words";
import { toggled } from "../worklist";
import { HoverPreview } from "./HoverPreview";
import { WorklistRow } from "./WorklistRow";

interface TableProps {
  items: WorklistItem[];
  onState: (state: TaskState) => void;
}

/** The row that was opened last, so that coming back from a review finds the place again. */
let lastSelected = "";

export function WorklistTable({ items, onState }: TableProps): ReactNode {
  const [, go] = useLocation();
  const allowed = shownTo(useSession().data?.role).verdicts;
  const reject = useBulk();
  const [selected, setSelected] = useState(lastSelected);
  const [hovered, setHovered] = useState("");
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const body = useRef<HTMLTableSectionElement>(null);
  const now = new Date();
  const found = items.findIndex((item) => item.event_id === selected);
  const at = found >= 0 ? found : items.length ? 0 : -1;
  const here = items[at];
  const picked = items.filter((item) => chosen.has(item.event_id));
  const select = (eventId: string) => {
    lastSelected = eventId;
    setSelected(eventId);
  };
  const open = (index: number) => {
    const item = items[index];
    if (!item) return;
    select(item.event_id);
    go(`/events/${item.event_id}`);
  };
  const move = (by: number) => {
    const item = items[moveSelection(at, by, items.length)];
    if (!item) return;
    select(item.event_id);
    setHovered("");
    body.current?.querySelector<HTMLElement>(`[data-event="${CSS.escape(item.event_id)}"]`)?.focus();
  };
  const rejectNow = async () => {
    if (!allowed || !here) return;
    const wanted = picked.length > 0 ? picked : [here];
    const gone = new Set(wanted.map((item) => item.event_id));
    const next =
      items.slice(at).find((item) => !gone.has(item.event_id)) ?? items.find((item) => !gone.has(item.event_id));
    if (next) select(next.event_id);
    if (await reject(wanted)) setChosen(new Set());
    else select(here.event_id);
  };
  useKeys("worklist", {
    down: () => move(1),
    up: () => move(-1),
    open: () => open(at),
    showOpen: () => onState("open"),
    showUnread: () => onState("unread"),
    showReviewed: () => onState("reviewed"),
    showAll: () => onState("all"),
    choose: () => allowed && here && setChosen(toggled(chosen, here.event_id)),
    rejectChosen: () => void rejectNow(),
    chooseNone: () => setChosen(new Set()),
  });
  if (items.length === 0) return null;
  return (
    <div className="worklist-place">
      <table className="worklist">
        <Head allowed={allowed} />
        <tbody ref={body} onPointerLeave={() => setHovered("")}>
          {items.map((item, index) => (
            <WorklistRow
              key={item.event_id}
              item={item}
              position={index + 1}
              selected={index === at}
              chosen={allowed ? chosen.has(item.event_id) : null}
              now={now}
              onOpen={() => open(index)}
              onFocus={() => select(item.event_id)}
              onHover={() => setHovered(item.event_id)}
              onChoose={() => setChosen(toggled(chosen, item.event_id))}
            />
          ))}
        </tbody>
      </table>
      <div className="worklist-side">
        <HoverPreview item={items.find((item) => item.event_id === hovered) ?? here} />
        <p className="side-hint">{words.worklist.keysHint}</p>
        {picked.length > 0 && (
          <div className="bulk" role="status" data-testid="bulk">
            <span>{deskWords.chosen(picked.length)}</span>
            <button type="button" className="button button-small button-grave" onClick={() => void rejectNow()}>
              {deskWords.rejectChosen(picked.length)} <kbd>r</kbd>
            </button>
            <button type="button" className="button button-small" onClick={() => setChosen(new Set())}>
              {deskWords.clear} <kbd>{words.keyCaps.Escape}</kbd>
            </button>
          </div>
        )}
      </div>
    </div>
  );
}

function Head({ allowed }: { allowed: boolean }): ReactNode {
  return (
    <thead>
      <tr>
        {allowed && (
          <th scope="col" className="column-choose">
            <span className="hidden">{deskWords.columnChoose}</span>
          </th>
        )}
        {Object.entries(words.worklist.columns).map(([name, text]) => (
          <th key={name} scope="col" className={`column-${name}`}>
            {text}
          </th>
        ))}
      </tr>
    </thead>
  );
}
