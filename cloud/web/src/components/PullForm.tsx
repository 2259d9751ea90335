/** Asks a bed for a span: bed, from, to by the viewer's own clock, and what the bed said that it holds. */
import { useQueryClient } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useState } from "react";
import { api, sentenceOf } from "../api/client";
import type { Bed } from "../api/types";
import { hourSpan, localValue, type Span, spanOf } from "../pulls";
import { pullWords } from "../pullWords";
import { hoursText, lengthText, utcText } from "../times";
import { HourPicker } from "./HourPicker";
import { SpanBar } from "./SpanBar";

const FIRST_FROM_MS = 20 * 60_000;
const FIRST_TO_MS = 5 * 60_000;
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const nameOf = (bed: Bed) => `${bed.site}/${bed.bed}`;

export function PullForm({ beds }: { beds: Bed[] }): ReactNode {
  const client = useQueryClient();
  const [name, setName] = useState("");
  const [from, setFrom] = useState(() => localValue(new Date(Date.now() - FIRST_FROM_MS)));
  const [to, setTo] = useState(() => localValue(new Date(Date.now() - FIRST_TO_MS)));
  const [hour, setHour] = useState("");
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState("");
  const bed = beds.find((one) => nameOf(one) === name) ?? beds[0];
  if (!bed) return null;
  const span = spanOf(from, to, new Date());
  const choose = (startUtc: string) => {
    const chosen = hourSpan(startUtc, new Date());
    setHour(startUtc);
    setFrom(localValue(chosen.from));
    setTo(localValue(chosen.to));
  };
  const drag = (first: Date, last: Date) => {
    setFrom(localValue(first));
    setTo(localValue(last));
  };
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (typeof span === "string") return setFault(span);
    setBusy(true);
    setFault("");
    try {
      await api.askPull({ site: bed.site, bed: bed.bed, start_utc: span.startUtc, end_utc: span.endUtc });
      await client.invalidateQueries({ queryKey: ["pulls"] });
    } catch (error) {
      setFault(sentenceOf(error));
    }
    setBusy(false);
  };
  return (
    <form className="panel pull-form" onSubmit={submit} data-testid="pull-form">
      <label>
        {pullWords.bed}
        <select value={nameOf(bed)} onChange={(event) => setName(event.target.value)}>
          {beds.map((one) => (
            <option key={nameOf(one)}>{nameOf(one)}</option>
          ))}
        </select>
      </label>
      <label>
        {pullWords.from}
        <input type="datetime-local" step="1" required value={from} onChange={(event) => setFrom(event.target.value)} />
      </label>
      <label>
        {pullWords.to}
        <input type="datetime-local" step="1" required value={to} onChange={(event) => setTo(event.target.value)} />
      </label>
      <button type="submit" className="button button-main" disabled={busy}>
        {busy ? pullWords.asking : pullWords.ask}
      </button>
      <HourPicker bed={bed} chosen={hour} onChoose={choose} />
      {!Number.isNaN(Date.parse(from)) && !Number.isNaN(Date.parse(to)) && (
        <SpanBar bed={bed} from={new Date(from)} to={new Date(to)} onChoose={drag} />
      )}
      <Hints bed={bed} span={span} />
      <p className="fault" role="alert">
        {fault}
      </p>
    </form>
  );
}

/** What is worth knowing before one asks. */
function Hints({ bed, span }: { bed: Bed; span: Span | string }): ReactNode {
  const good = typeof span === "string" ? null : span;
  const ago = good ? (Date.now() - Date.parse(good.startUtc)) / 3_600_000 : 0;
  const gone = bed.ring_hours !== null && ago > bed.ring_hours;
  return (
    <div className="soft small hints" aria-live="polite">
      <p>
        {good ? pullWords.span(lengthText(good.lengthS), utcText(new Date(good.startUtc))) : String(span)}
        {pullWords.yourTime(zone)}
      </p>
      {!bed.online && <p className="warn">{pullWords.offline}</p>}
      {gone && <p className="warn">{pullWords.notInRing(hoursText(bed.ring_hours ?? 0))}</p>}
    </div>
  );
}
