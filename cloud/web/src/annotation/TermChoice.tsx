/** One choice among terms, with its name; "not said" is always possible unless `must`. */
import type { ReactNode } from "react";
import { annotationWords as words } from "../annotationWords";
import type { Term } from "../api/desk";

interface ChoiceProps {
  name: string;
  terms: readonly Term[];
  value: string | null;
  onChange: (key: string | null) => void;
  must?: boolean;
  bare?: boolean;
}

export function TermChoice({ name, terms, value, onChange, must = false, bare = false }: ChoiceProps): ReactNode {
  return (
    <label className="choice">
      <span className={bare ? "hidden" : ""}>{name}</span>
      <select aria-label={name} value={value ?? ""} onChange={(event) => onChange(event.target.value || null)}>
        {!must && <option value="">{words.none}</option>}
        {terms.map((term) => (
          <option key={term.key} value={term.key}>
            {term.words.en}
          </option>
        ))}
      </select>
    </label>
  );
}
