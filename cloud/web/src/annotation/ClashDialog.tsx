/** Two windows changed the same things: both are shown, one is chosen for each, nothing is lost. */
import { type ReactNode, useState } from "react";
import { annotationWords as words } from "../annotationWords";
import type { Moi, Vocabulary } from "../api/desk";
import { Dialog } from "../components/Dialog";
import { offsetText } from "../times";
import type { Clash, Merged } from "./merge";
import { termWord } from "./terms";

interface ClashProps {
  merged: Merged;
  vocabulary: Vocabulary;
  onDone: (theirs: ReadonlySet<string>) => void;
}

export function ClashDialog({ merged, vocabulary, onDone }: ClashProps): ReactNode {
  const [theirs, setTheirs] = useState<ReadonlySet<string>>(new Set());
  const choose = (key: string, other: boolean) => {
    const next = new Set(theirs);
    if (other) next.add(key);
    else next.delete(key);
    setTheirs(next);
  };
  return (
    <Dialog title={words.clashTitle} onClose={() => onDone(theirs)} wide>
      <p>{words.clashText}</p>
      {merged.clashes.map((clash) => (
        <fieldset key={clash.key} className="clash">
          <legend>{nameOf(clash, vocabulary)}</legend>
          {([false, true] as const).map((other) => (
            <label key={String(other)}>
              <input
                type="radio"
                name={clash.key}
                checked={theirs.has(clash.key) === other}
                onChange={() => choose(clash.key, other)}
              />
              <span className="soft">{other ? words.clashTheirs : words.clashMine}</span>{" "}
              {textOf(clash, other ? clash.theirs : clash.mine, vocabulary)}
            </label>
          ))}
        </fieldset>
      ))}
      <div className="dialog-buttons">
        <button type="button" className="button button-main" onClick={() => onDone(theirs)}>
          {words.clashDone}
        </button>
      </div>
    </Dialog>
  );
}

const GROUPS = {
  ilae_2025: "ilae_2025",
  ilae_2017: "ilae_2017",
  epilepsy_class: "epilepsy_classes",
  consciousness: "consciousness",
  sleep_state: "sleep_states",
} as const;

function isField(key: string): key is keyof typeof GROUPS {
  return key in GROUPS;
}

function nameOf(clash: Clash, vocabulary: Vocabulary): string {
  if (isField(clash.key)) return words.fields[clash.key];
  if (clash.key === "onset" || clash.key === "offset" || clash.key === "comment") return words[clash.key];
  return termWord(vocabulary.mois, ((clash.mine ?? clash.theirs) as Moi | null)?.term ?? null);
}

function textOf(clash: Clash, value: unknown, vocabulary: Vocabulary): string {
  if (clash.key === "comment") return (value as { comment: string }).comment || words.none;
  if (value === null) return clash.key.startsWith("moi:") ? words.clashGone : words.none;
  if (isField(clash.key)) return termWord(vocabulary[GROUPS[clash.key]], value as string);
  if (clash.key === "onset" || clash.key === "offset") return `${offsetText((value as { at_ns: number }).at_ns, 2)} s`;
  const moi = value as Moi;
  const side = termWord(vocabulary.lateralities, moi.laterality);
  const part = termWord(vocabulary.body_parts, moi.body_part);
  return [`${offsetText(moi.start_ns, 2)} s – ${offsetText(moi.end_ns, 2)} s`, side, part].filter(Boolean).join(", ");
}
