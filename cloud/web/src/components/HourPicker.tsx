/** A bed's last 24 hours as buttons, each as high as it was recorded: choosing one fills the span of the form. */
import type { ReactNode } from "react";
import type { Bed } from "../api/types";
import { hourBars } from "../hours";
import { heldAt } from "../pulls";
import { pullWords } from "../pullWords";
import { percentText } from "../times";
import { words } from "../words";

const HOUR_MS = 3_600_000;
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });

interface HourPickerProps {
  bed: Bed;
  chosen: string;
  onChoose: (startUtc: string) => void;
}

export function HourPicker({ bed, chosen, onChoose }: HourPickerProps): ReactNode {
  const bars = hourBars(bed.coverage_hours, "depth");
  if (bars.length === 0) return null;
  const now = new Date();
  return (
    <fieldset className="hour-picker">
      <legend>{pullWords.hours}</legend>
      {bars.map((bar) => {
        const gone = heldAt(Date.parse(bar.startUtc) + HOUR_MS, bed.ring_hours, now) === false;
        const recorded = bar.coverage === null ? words.beds.nothingWanted : percentText(bar.coverage);
        const told = gone ? pullWords.goneHour : recorded;
        const label = pullWords.hour(clock.format(new Date(bar.startUtc)), told);
        return (
          <button
            key={bar.startUtc}
            type="button"
            className="hour-button"
            aria-label={label}
            title={label}
            aria-pressed={bar.startUtc === chosen}
            onClick={() => onChoose(bar.startUtc)}
          >
            <svg viewBox="0 0 4 16" preserveAspectRatio="none" aria-hidden="true">
              <rect className="hour-ground" width="4" height="16" />
              <rect
                className={gone ? "hour-gone" : "hour-recorded"}
                width="4"
                y={16 - 16 * bar.recorded}
                height={16 * bar.recorded}
              />
            </svg>
          </button>
        );
      })}
    </fieldset>
  );
}
