/** How a wish stands, in a word with a shape, so that colour is never alone. */
import type { ReactNode } from "react";
import { toneOf } from "../pulls";
import { pullWords } from "../pullWords";

const SHAPES: Record<string, string> = { asked: "○", answered: "◔", arriving: "◐", stored: "●" };

export function StandingTag({ standing }: { standing: string }): ReactNode {
  return (
    <span className={`standing standing-${toneOf(standing)}`}>
      <span aria-hidden="true">{SHAPES[standing] ?? "▲"}</span> {pullWords.standings[standing] ?? standing}
    </span>
  );
}
