/** Imports a file of the EEG for a stay: the file, how its clock runs, and where its times count from. */
import { useQueryClient } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useState } from "react";
import { api, sentenceOf } from "../api/client";
import { base64Of, FILE_LIMIT_BYTES, offsetOf } from "../eegFile";
import { referenceWords } from "../pullWords";
import { useToast } from "./Toast";

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

export function ImportForm({ stayId }: { stayId: string }): ReactNode {
  const client = useQueryClient();
  const toast = useToast();
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState("");
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const file = form.get("file");
    const offset = offsetOf(String(form.get("offset") ?? ""));
    const start = String(form.get("start") ?? "");
    if (!(file instanceof File) || file.size === 0) return setFault(referenceWords.noFile);
    if (file.size > FILE_LIMIT_BYTES) return setFault(referenceWords.tooLarge);
    if (offset === null) return setFault(referenceWords.noOffset);
    setBusy(true);
    setFault("");
    try {
      const kept = await api.importReferences(stayId, {
        name: file.name.slice(0, 120),
        content_base64: base64Of(new Uint8Array(await file.arrayBuffer())),
        clock_offset_s: offset,
        recording_start: start ? new Date(start).toISOString() : null,
        time_zone: String(form.get("zone") ?? "UTC"),
      });
      client.setQueryData(["references", stayId], kept);
      toast.show({ text: referenceWords.imported(kept.seizures.length) });
    } catch (error) {
      setFault(sentenceOf(error));
    }
    setBusy(false);
  };
  return (
    <form className="panel import-form" onSubmit={submit} data-testid="import-form">
      <h2>{referenceWords.importTitle}</h2>
      <label>
        {referenceWords.file}
        <input type="file" name="file" accept=".tsv,.txt,.edf,text/tab-separated-values" />
      </label>
      <label title={referenceWords.offsetHint}>
        {referenceWords.offset}
        <input name="offset" inputMode="decimal" defaultValue="0" autoComplete="off" />
      </label>
      <label>
        {referenceWords.start}
        <input type="datetime-local" step="1" name="start" />
      </label>
      <label>
        {referenceWords.zone}
        <input name="zone" defaultValue={zone} spellCheck={false} autoComplete="off" />
      </label>
      <button type="submit" className="button button-main" disabled={busy}>
        {busy ? referenceWords.importing : referenceWords.importIt}
      </button>
      <p className="soft small hints">{referenceWords.offsetHint}</p>
      <p className="fault" role="alert">
        {fault}
      </p>
    </form>
  );
}
