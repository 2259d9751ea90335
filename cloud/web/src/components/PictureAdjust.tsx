/** Brightness and contrast of all pictures; what is recorded stays as it is. */
import type { ReactNode } from "react";
import { playerWords } from "../playerWords";

export interface Look {
  brightness: number;
  contrast: number;
}

export const AS_RECORDED: Look = { brightness: 1, contrast: 1 };
const RANGES = { brightness: [0.4, 3], contrast: [0.4, 3] } as const;

export function filterOf(look: Look): string {
  return look === AS_RECORDED ? "none" : `brightness(${look.brightness}) contrast(${look.contrast})`;
}

export function PictureAdjust({ look, onChange }: { look: Look; onChange: (look: Look) => void }): ReactNode {
  return (
    <details className="export adjust">
      <summary className="control">{playerWords.adjust}</summary>
      <div className="adjust-panel">
        {(["brightness", "contrast"] as const).map((name) => (
          <label key={name}>
            {playerWords[name]}
            <input
              type="range"
              min={RANGES[name][0]}
              max={RANGES[name][1]}
              step={0.05}
              value={look[name]}
              onChange={(event) => onChange({ ...look, [name]: Number(event.target.value) })}
            />
            <span className="figure">{Math.round(look[name] * 100)} %</span>
          </label>
        ))}
        <button type="button" className="button button-quiet" onClick={() => onChange(AS_RECORDED)}>
          {playerWords.asRecorded}
        </button>
      </div>
    </details>
  );
}
