/** The seizures that the EEG showed in a stay: which ones the detector caught and missed; import, and pull the missed ones. */
import { useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useEffect, useState } from "react";
import { useLocation } from "wouter";
import { api, sentenceOf } from "../api/client";
import type { ReferencesView, StayItem } from "../api/types";
import { ImportForm } from "../components/ImportForm";
import { Loading, Notice } from "../components/Notice";
import { ReferenceTable } from "../components/ReferenceTable";
import { useToast } from "../components/Toast";
import { referenceWords } from "../pullWords";
import { useReferences, useStays } from "../queries";
import { clockText } from "../times";
import { words } from "../words";

export function ReferencesPage({ stayId }: { stayId: string }): ReactNode {
  const stays = useStays();
  const references = useReferences(stayId);
  const failed = [stays, references].find((query) => query.data === undefined && query.isError);
  const waiting = stays.data === undefined || (stayId !== "" && references.data === undefined);
  useEffect(() => {
    document.title = `${referenceWords.tab} – ${words.product}`;
  }, []);
  return (
    <main id="content" className="page" data-testid="references-page">
      <div className="page-head">
        <h1>{referenceWords.title}</h1>
      </div>
      <p className="soft">{referenceWords.lead}</p>
      {failed && <Notice title={referenceWords.failed} text={sentenceOf(failed.error)} tone="bad" />}
      {!failed && waiting && <Loading text={referenceWords.loading} rows={4} />}
      {stays.data && <StayChoice stays={stays.data.items} stayId={stayId} />}
      {references.data && <References found={references.data} />}
    </main>
  );
}

function StayChoice({ stays, stayId }: { stays: StayItem[]; stayId: string }): ReactNode {
  const [, go] = useLocation();
  if (stays.length === 0) return <Notice title={referenceWords.noStays} text={referenceWords.noStaysMore} />;
  return (
    <label className="stays">
      {referenceWords.stay}
      <select value={stayId} onChange={(event) => go(`/references/${event.target.value}`)}>
        <option value="" disabled>
          {referenceWords.choose}
        </option>
        {stays.map((stay) => (
          <option key={stay.stay_id} value={stay.stay_id}>
            {stayText(stay)}
          </option>
        ))}
      </select>
    </label>
  );
}

function stayText(stay: StayItem): string {
  const day = (utc: string) => clockText(new Date(utc), new Date());
  const until = stay.discharged_utc ? day(stay.discharged_utc) : referenceWords.present;
  return `${stay.patient_code}, ${stay.bed}, ${day(stay.admitted_utc)} – ${until}`;
}

function References({ found }: { found: ReferencesView }): ReactNode {
  const missed = found.seizures.filter((seizure) => seizure.match === "missed").length;
  return (
    <>
      {found.seizures.length === 0 ? (
        <Notice title={referenceWords.emptyTitle} text={referenceWords.emptyText} />
      ) : (
        <>
          <div className="stays">
            <strong>{referenceWords.summary(found.caught, found.seizures.length)}</strong>
            <span className="soft">{found.rule}</span>
            <PullMissed stayId={found.stay.stay_id} missed={missed} />
          </div>
          <ReferenceTable seizures={found.seizures} />
        </>
      )}
      <ImportForm stayId={found.stay.stay_id} />
      {found.files.length > 0 && <Files found={found} />}
    </>
  );
}

function PullMissed({ stayId, missed }: { stayId: string; missed: number }): ReactNode {
  const client = useQueryClient();
  const toast = useToast();
  const [busy, setBusy] = useState(false);
  const pull = async () => {
    setBusy(true);
    try {
      const done = await api.pullMissed(stayId);
      toast.show({ text: referenceWords.pulled(done.asked, done.waiting, done.gone, done.left) });
      await client.invalidateQueries({ queryKey: ["references", stayId] });
    } catch (error) {
      toast.show({ text: sentenceOf(error) });
    }
    setBusy(false);
  };
  return (
    <button type="button" className="button button-main push" onClick={pull} disabled={busy || missed === 0}>
      {referenceWords.pullMissed(missed)}
    </button>
  );
}

function Files({ found }: { found: ReferencesView }): ReactNode {
  const client = useQueryClient();
  const toast = useToast();
  const remove = async (listId: string) => {
    try {
      await api.removeReferences(found.stay.stay_id, listId);
      await client.invalidateQueries({ queryKey: ["references", found.stay.stay_id] });
    } catch (error) {
      toast.show({ text: sentenceOf(error) });
    }
  };
  return (
    <section className="panel files">
      <h2>{referenceWords.files}</h2>
      <ul>
        {found.files.map((file) => (
          <li key={file.list_id}>
            <strong>{file.name}</strong>
            <span className="soft">
              {referenceWords.fileLine(file.seizures, file.passed_over, file.clock_offset_s)}, {file.imported_by}
            </span>
            <button type="button" className="button button-small push" onClick={() => remove(file.list_id)}>
              {referenceWords.remove}
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}
