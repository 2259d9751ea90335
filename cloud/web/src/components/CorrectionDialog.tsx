/** Gives a stay the right code: asks for the code and why, shows what the server refuses, and goes to the right patient's page. */
import { useQueryClient } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useState } from "react";
import { useLocation } from "wouter";
import { sentenceOf } from "../api/client";
import { desk } from "../api/desk";
import { patientWords as words } from "../deskWords";
import { Dialog } from "./Dialog";
import { useToast } from "./Toast";

const CODE = /^[A-Z0-9]{2,4}-[A-Z0-9]{3,8}$/;

interface DialogProps {
  stayId: string;
  site: string;
  code: string;
  onClose: () => void;
}

export function CorrectionDialog({ stayId, site, code, onClose }: DialogProps): ReactNode {
  const client = useQueryClient();
  const toast = useToast();
  const [, go] = useLocation();
  const [right, setRight] = useState("");
  const [reason, setReason] = useState("");
  const [fault, setFault] = useState("");
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (!CODE.test(right)) {
      setFault(words.wrongCode);
      return;
    }
    try {
      await desk.correct(stayId, { patient_code: right, expected_code: code, reason });
    } catch (error) {
      setFault(sentenceOf(error));
      return;
    }
    toast.show({ text: words.done(right) });
    onClose();
    go(`/patients/${site}/${right}`);
    await client.invalidateQueries();
  };
  return (
    <Dialog title={words.correctTitle(code)} onClose={onClose}>
      <form className="correction" onSubmit={submit}>
        <p>{words.correctText}</p>
        <label>
          <span>{words.rightCode}</span>
          <input
            value={right}
            maxLength={13}
            autoComplete="off"
            onChange={(event) => setRight(event.target.value.toUpperCase())}
          />
        </label>
        <label>
          <span>{words.reason}</span>
          <input
            value={reason}
            maxLength={200}
            required
            placeholder={words.reasonHint}
            onChange={(event) => setReason(event.target.value)}
          />
        </label>
        <p className="fault" role="alert">
          {fault}
        </p>
        <div className="dialog-buttons">
          <button type="button" className="button" onClick={onClose}>
            {words.cancel}
          </button>
          <button type="submit" className="button button-main">
            {words.submit}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
