/** A bed's last 24 hours as buttons, each as high as it was recorded: choosing one fills the span of the form. */
import type { ReactNode } from "react";
import type { Bed } from "../api/types";
import { hourBars } from "../hours";
import { pullWords } from "../pullWords";
import { percentText } from "../times";
import { words } from "../words";

const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });

interface HourPickerProps {
  bed: Bed;
  chosen: string;
  onChoose: (startUtc: string) => void;
}

export function HourPicker({ bed, chosen, onChoose }: HourPickerProps): ReactNode {
  const bars = hourBars(bed.coverage_hours, "depth");
  if (bars.length === 0) return null;
  return (
    <fieldset className="hour-picker">
      <legend>{pullWords.hours}</legend>
      {bars.map((bar) => {
        const told = bar.coverage === null ? words.beds.nothingWanted : percentText(bar.coverage);
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
              <rect className="hour-recorded" width="4" y={16 - 16 * bar.recorded} height={16 * bar.recorded} />
            </svg>
          </button>
        );
      })}
    </fieldset>
  );
}
