/** The events of the night, the most urgent first. j and k move, Enter opens; the list renews itself every 3 seconds. */
import { type ReactNode, useEffect, useRef, useState } from "react";
import { useLocation } from "wouter";
import { sentenceOf } from "../api/client";
import type { WorklistItem, WorklistState } from "../api/types";
import { Loading, Notice } from "../components/Notice";
import { WorklistRow } from "../components/WorklistRow";
import { moveSelection } from "../next";
import { useBeds, useSession, useWorklist } from "../queries";
import { shownTo } from "../roles";
import { useKeys } from "../useKeys";
import { words } from "../words";

const STATES: readonly WorklistState[] = ["open", "reviewed", "all"];
const PAGE = 50;

/** The row that was opened last, so that coming back from a review finds the place again. */
let lastSelected = "";

export function WorklistPage(): ReactNode {
  const [state, setState] = useState<WorklistState>("open");
  const [bed, setBed] = useState("");
  const list = useWorklist(state, bed, PAGE);
  const items = list.data?.items ?? [];
  useEffect(() => {
    document.title = `${words.worklist.title} – ${words.product}`;
  }, []);
  return (
    <main id="content" className="page" data-testid="worklist-page">
      <div className="page-head">
        <h1>{words.worklist.title}</h1>
        <StateTabs state={state} onChange={setState} />
        <BedFilter bed={bed} onChange={setBed} />
        <span className="soft push">{words.worklist.keysHint}</span>
      </div>
      {list.data === undefined && list.isError && (
        <Notice title={words.worklist.failed} text={sentenceOf(list.error)} tone="bad" />
      )}
      {list.data === undefined && !list.isError && <Loading text={words.worklist.loading} rows={8} />}
      {list.data !== undefined && items.length === 0 && <Empty state={state} />}
      <Rows items={items} onState={setState} />
      {list.data !== undefined && list.data.total > items.length && items.length > 0 && (
        <p className="soft">{words.worklist.more(items.length, list.data.total)}</p>
      )}
    </main>
  );
}

function Rows({ items, onState }: { items: WorklistItem[]; onState: (state: WorklistState) => void }): ReactNode {
  const [, go] = useLocation();
  const [selected, setSelected] = useState(lastSelected);
  const body = useRef<HTMLTableSectionElement>(null);
  const now = new Date();
  const found = items.findIndex((item) => item.event_id === selected);
  const at = found >= 0 ? found : items.length ? 0 : -1;
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
    body.current?.querySelector<HTMLElement>(`[data-event="${CSS.escape(item.event_id)}"]`)?.focus();
  };
  useKeys("worklist", {
    down: () => move(1),
    up: () => move(-1),
    open: () => open(at),
    showOpen: () => onState("open"),
    showReviewed: () => onState("reviewed"),
    showAll: () => onState("all"),
  });
  if (items.length === 0) return null;
  const columns = words.worklist.columns;
  return (
    <table className="worklist">
      <thead>
        <tr>
          {Object.entries(columns).map(([name, text]) => (
            <th key={name} scope="col" className={`column-${name}`}>
              {text}
            </th>
          ))}
        </tr>
      </thead>
      <tbody ref={body}>
        {items.map((item, index) => (
          <WorklistRow
            key={item.event_id}
            item={item}
            position={index + 1}
            selected={index === at}
            now={now}
            onOpen={() => open(index)}
            onFocus={() => select(item.event_id)}
          />
        ))}
      </tbody>
    </table>
  );
}

function StateTabs({ state, onChange }: { state: WorklistState; onChange: (state: WorklistState) => void }): ReactNode {
  return (
    <fieldset className="switch">
      <legend className="hidden">{words.worklist.title}</legend>
      {STATES.map((one, index) => (
        <button key={one} type="button" aria-pressed={one === state} onClick={() => onChange(one)}>
          {words.worklist.states[one]} <kbd>{index + 1}</kbd>
        </button>
      ))}
    </fieldset>
  );
}

function BedFilter({ bed, onChange }: { bed: string; onChange: (bed: string) => void }): ReactNode {
  const shown = shownTo(useSession().data?.role);
  const beds = useBeds(shown.beds).data?.beds ?? [];
  if (beds.length < 2) return null;
  const names = [...new Set(beds.map((one) => one.bed))].sort();
  return (
    <label className="filter">
      <span className="hidden">{words.worklist.bedFilter}</span>
      <select value={bed} onChange={(event) => onChange(event.target.value)}>
        <option value="">{words.worklist.anyBed}</option>
        {names.map((name) => (
          <option key={name}>{name}</option>
        ))}
      </select>
    </label>
  );
}

function Empty({ state }: { state: WorklistState }): ReactNode {
  if (state === "open") return <Notice title={words.worklist.emptyOpen} text={words.worklist.emptyOpenMore} />;
  return <Notice title={state === "reviewed" ? words.worklist.emptyReviewed : words.worklist.emptyAll} />;
}
