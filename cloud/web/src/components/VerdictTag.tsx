/** A verdict or label as one word with its colour. */
import type { ReactNode } from "react";
import type { Verdict } from "../api/types";
import { words } from "../words";

export function VerdictTag({ verdict }: { verdict: Verdict | null }): ReactNode {
  if (!verdict) return <span className="soft">–</span>;
  return <span className={`verdict verdict-${verdict}`}>{words.verdicts[verdict]}</span>;
}
