/** The events of the night, the most urgent first. j and k move, Enter opens, r rejects, x chooses; the list renews itself. */
import { type ReactNode, useEffect, useState } from "react";
import { sentenceOf } from "../api/client";
import type { ListFilter, TaskState } from "../api/desk";
import { NightStrip } from "../components/NightStrip";
import { Loading, Notice } from "../components/Notice";
import { ViewBar } from "../components/ViewBar";
import { WorklistTable } from "../components/WorklistTable";
import { deskWords } from "../deskWords";
import { useBeds, useSession } from "../queries";
import { shownTo } from "../roles";
import { words } from "../words";
import { ANYTHING, countText, useListPage, useReading } from "../worklist";

const STATES: readonly TaskState[] = ["open", "unread", "reviewed", "all"];
const KINDS = ["tonic_clonic", "hyperkinetic", "tonic", "automotor", "psychogenic", "unknown"] as const;

/** The filter that was used last, so that coming back from a review finds the list as it was. */
let lastFilter: ListFilter = ANYTHING;

export function WorklistPage(): ReactNode {
  const [filter, setFilter] = useState(lastFilter);
  const [after, setAfter] = useState("");
  const shown = shownTo(useSession().data?.role);
  const blind = (useReading(shown.events).data?.items ?? []).some((one) => one.blind) && shown.verdicts;
  const list = useListPage(blind ? { ...filter, motorType: "" } : filter, after);
  const items = list.data?.items ?? [];
  useEffect(() => {
    document.title = `${words.worklist.title} – ${words.product}`;
  }, []);
  const change = (next: ListFilter) => {
    lastFilter = next;
    setFilter(next);
    setAfter("");
  };
  const set = (fields: Partial<ListFilter>) => change({ ...filter, ...fields });
  return (
    <main id="content" className="page" data-testid="worklist-page">
      <div className="page-head worklist-head">
        <h1>{words.worklist.title}</h1>
        <StateTabs state={filter.state} onChange={(state) => set({ state })} />
        <BedFilter bed={filter.bed} onChange={(bed) => set({ bed })} />
        {!blind && <KindFilter kind={filter.motorType} onChange={(motorType) => set({ motorType })} />}
        <ViewBar filter={filter} onChange={change} />
      </div>
      <NightStrip bed={filter.bed} night={filter.night} onChange={(night) => set({ night })} />
      {list.data === undefined && list.isError && (
        <Notice title={words.worklist.failed} text={sentenceOf(list.error)} tone="bad" />
      )}
      {list.data === undefined && !list.isError && <Loading text={words.worklist.loading} rows={8} />}
      {list.data !== undefined && items.length === 0 && <Empty state={filter.state} />}
      <WorklistTable items={items} onState={(state) => set({ state })} />
      {list.data !== undefined && items.length > 0 && (list.data.next || after) && (
        <div className="pager">
          <span className="soft">{deskWords.found(countText(list.data.total))}</span>
          {after && (
            <button type="button" className="button button-small" onClick={() => setAfter("")}>
              {deskWords.firstPage}
            </button>
          )}
          {list.data.next && (
            <button type="button" className="button button-small" onClick={() => setAfter(list.data?.next ?? "")}>
              {deskWords.nextPage}
            </button>
          )}
        </div>
      )}
    </main>
  );
}

function StateTabs({ state, onChange }: { state: TaskState; onChange: (state: TaskState) => void }): ReactNode {
  return (
    <fieldset className="switch">
      <legend className="hidden">{words.worklist.title}</legend>
      {STATES.map((one, index) => (
        <button
          key={one}
          type="button"
          aria-pressed={one === state}
          aria-keyshortcuts={String(index + 1)}
          title={words.worklist.stateKey(words.worklist.states[one], index + 1)}
          onClick={() => onChange(one)}
        >
          {words.worklist.states[one]}
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
    <Choice
      name={words.worklist.bedFilter}
      any={words.worklist.anyBed}
      options={names}
      value={bed}
      onChange={onChange}
    />
  );
}

function KindFilter({ kind, onChange }: { kind: string; onChange: (kind: string) => void }): ReactNode {
  return (
    <Choice
      name={deskWords.kinds}
      any={deskWords.anyKind}
      options={KINDS}
      value={kind}
      onChange={onChange}
      textOf={words.motorType}
    />
  );
}

interface ChoiceProps {
  name: string;
  any: string;
  options: readonly string[];
  value: string;
  onChange: (value: string) => void;
  textOf?: (value: string) => string;
}

function Choice({ name, any, options, value, onChange, textOf = (one) => one }: ChoiceProps): ReactNode {
  return (
    <label className="filter">
      <span className="hidden">{name}</span>
      <select value={value} onChange={(event) => onChange(event.target.value)}>
        <option value="">{any}</option>
        {options.map((one) => (
          <option key={one} value={one}>
            {textOf(one)}
          </option>
        ))}
      </select>
    </label>
  );
}

function Empty({ state }: { state: TaskState }): ReactNode {
  if (state === "open") return <Notice title={words.worklist.emptyOpen} text={words.worklist.emptyOpenMore} />;
  return <Notice title={state === "all" ? words.worklist.emptyAll : words.worklist.emptyReviewed} />;
}
