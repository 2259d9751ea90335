/** A person's saved views: choose one, save the filter on the screen under a name, remove one. */
import { useQueryClient } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useState } from "react";
import { sentenceOf } from "../api/client";
import { desk, type ListFilter } from "../api/desk";
import { deskWords as words } from "../deskWords";
import { useViews } from "../worklist";
import { useToast } from "./Toast";

interface BarProps {
  filter: ListFilter;
  onChange: (filter: ListFilter) => void;
}

export function ViewBar({ filter, onChange }: BarProps): ReactNode {
  const client = useQueryClient();
  const toast = useToast();
  const views = useViews().data?.items ?? [];
  const [naming, setNaming] = useState(false);
  const [name, setName] = useState("");
  const mine = views.find(
    ({ filters: one }) =>
      one.state === filter.state && (one.bed ?? "") === filter.bed && (one.motor_type ?? "") === filter.motorType,
  );
  const renew = async (deed: Promise<unknown>) => {
    try {
      await deed;
      setNaming(false);
      setName("");
    } catch (error) {
      toast.show({ text: words.viewFault(sentenceOf(error)) });
    }
    await client.invalidateQueries({ queryKey: ["views"] });
  };
  const save = (event: FormEvent) => {
    event.preventDefault();
    const filters = { state: filter.state, bed: filter.bed || null, motor_type: filter.motorType || null };
    void renew(desk.saveView(name.trim(), filters));
  };
  const open = (wanted: string) => {
    const found = views.find((one) => one.name === wanted)?.filters;
    if (found) onChange({ state: found.state, bed: found.bed ?? "", motorType: found.motor_type ?? "", night: "" });
  };
  if (naming) {
    return (
      <form className="view-bar" onSubmit={save}>
        <label>
          <span className="hidden">{words.viewName}</span>
          <input
            value={name}
            maxLength={60}
            placeholder={words.viewName}
            // biome-ignore lint/a11y/noAutofocus: the field appears where the person has just asked for it
            autoFocus
            onChange={(event) => setName(event.target.value)}
            onKeyDown={(event) => event.key === "Escape" && setNaming(false)}
          />
        </label>
        <button type="submit" className="button button-small" disabled={!name.trim()}>
          {words.save}
        </button>
      </form>
    );
  }
  return (
    <div className="view-bar">
      {views.length > 0 && (
        <label className="filter">
          <span className="hidden">{words.views}</span>
          <select value={mine?.name ?? ""} onChange={(event) => open(event.target.value)}>
            <option value="">{words.noView}</option>
            {views.map((one) => (
              <option key={one.name}>{one.name}</option>
            ))}
          </select>
        </label>
      )}
      {mine ? (
        <button
          type="button"
          className="button button-small"
          aria-label={words.removeView}
          title={words.removeView}
          onClick={() => void renew(desk.removeView(mine.name))}
        >
          ×
        </button>
      ) : (
        <button type="button" className="button button-small" onClick={() => setNaming(true)}>
          {words.saveView}
        </button>
      )}
    </div>
  );
}
