/** Asks before anything about a bed is changed: admit, transfer, discharge, pause, resume. Says what will happen. */
import { useQueryClient } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useState } from "react";
import { api, sentenceOf } from "../api/client";
import type { Bed } from "../api/types";
import { words } from "../words";
import { Dialog } from "./Dialog";

export type BedDeed = "admit" | "transfer" | "discharge" | "pause" | "resume";

const CODE = /^[A-Z0-9]{2,4}-[A-Z0-9]{3,8}$/;

interface BedDialogProps {
  deed: BedDeed;
  bed: Bed;
  freeBeds: string[];
  onClose: () => void;
}

export function BedDialog({ deed, bed, freeBeds, onClose }: BedDialogProps): ReactNode {
  const client = useQueryClient();
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState("");
  const text = textOf(deed, bed);
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const code = String(form.get("code") ?? "")
      .trim()
      .toUpperCase();
    if (deed === "admit" && code && !CODE.test(code)) return setFault(words.beds.admitWrong);
    setBusy(true);
    setFault("");
    try {
      await carryOut(deed, bed, code || null, String(form.get("to") ?? ""));
      await client.invalidateQueries({ queryKey: ["beds"] });
      onClose();
    } catch (error) {
      setBusy(false);
      setFault(sentenceOf(error));
    }
  };
  return (
    <Dialog title={text.title} onClose={onClose}>
      <form onSubmit={submit} className="bed-form">
        <p>{text.text}</p>
        {deed === "admit" && <CodeField />}
        {deed === "transfer" && <BedField freeBeds={freeBeds} />}
        <p className="fault" role="alert">
          {fault}
        </p>
        <div className="dialog-buttons">
          <button type="button" className="button" onClick={onClose}>
            {words.beds.cancel}
          </button>
          <button
            type="submit"
            className={deed === "pause" || deed === "discharge" ? "button button-grave" : "button button-main"}
            disabled={busy || (deed === "transfer" && freeBeds.length === 0)}
          >
            {words.beds[deed]}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function CodeField(): ReactNode {
  return (
    <label>
      {words.beds.admitCode}
      <input name="code" maxLength={13} autoComplete="off" spellCheck={false} className="code" />
      <span className="soft small">{words.beds.admitHint}</span>
    </label>
  );
}

function BedField({ freeBeds }: { freeBeds: string[] }): ReactNode {
  if (freeBeds.length === 0) return <p>{words.beds.transferNone}</p>;
  return (
    <label>
      {words.beds.transferTo}
      <select name="to">
        {freeBeds.map((name) => (
          <option key={name}>{name}</option>
        ))}
      </select>
    </label>
  );
}

function textOf(deed: BedDeed, bed: Bed): { title: string; text: string } {
  const code = bed.stay?.patient_code ?? words.beds.thePatient;
  const texts = {
    admit: { title: words.beds.admitTitle(bed.bed), text: words.beds.admitText },
    transfer: { title: words.beds.transferTitle(code), text: words.beds.transferText },
    discharge: { title: words.beds.dischargeTitle(code), text: words.beds.dischargeText(bed.bed) },
    pause: { title: words.beds.pauseTitle(bed.bed), text: words.beds.pauseText },
    resume: { title: words.beds.resumeTitle(bed.bed), text: words.beds.resumeText },
  };
  return texts[deed];
}

function carryOut(deed: BedDeed, bed: Bed, code: string | null, toBed: string): Promise<unknown> {
  switch (deed) {
    case "admit":
      return api.admit(bed, code);
    case "transfer":
      return api.transfer(bed, toBed);
    case "discharge":
      return api.discharge(bed);
    case "pause":
      return api.pause(bed, true);
    case "resume":
      return api.pause(bed, false);
  }
}
