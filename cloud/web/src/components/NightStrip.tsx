/** The last two weeks as a strip of nights, each with how many events are open; a click shows that night alone. */
import type { ReactNode } from "react";
import { deskWords as words } from "../deskWords";
import { lastNights, NIGHTS_SHOWN, useNights } from "../worklist";

const short = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric" });

interface StripProps {
  bed: string;
  night: string;
  onChange: (night: string) => void;
}

export function NightStrip({ bed, night, onChange }: StripProps): ReactNode {
  const now = new Date();
  const found = useNights(bed, now).data?.items ?? [];
  return (
    <fieldset className="nights" aria-label={words.nights}>
      {lastNights(now, NIGHTS_SHOWN).map((began) => {
        const counts = found.find((one) => one.began === began);
        const text = short.format(new Date(`${began}T12:00`));
        return (
          <button
            key={began}
            type="button"
            className={counts?.open ? "night night-open" : "night"}
            aria-pressed={night === began}
            title={counts ? words.night(text, counts.open, counts.total) : words.nightEmpty(text)}
            onClick={() => onChange(night === began ? "" : began)}
          >
            <span>{text}</span>{" "}
            <span className="night-count">
              {!counts && "–"}
              {counts && (counts.open ? words.nightOpen(counts.open) : words.nightDone)}
            </span>
          </button>
        );
      })}
    </fieldset>
  );
}
