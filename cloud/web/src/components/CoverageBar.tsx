/** A share as a bar with its figure. In: 0 to 1. Drawn as SVG, because the page forbids inline styles. */
import type { ReactNode } from "react";
import { percentText } from "../times";

interface CoverageBarProps {
  name: string;
  share: number;
  tone?: string;
}

export function CoverageBar({ name, share, tone = "plain" }: CoverageBarProps): ReactNode {
  return (
    <div className="coverage">
      <span className="coverage-name">{name}</span>
      <ShareBar share={share} tone={tone} />
      <span className="figure">{percentText(share)}</span>
    </div>
  );
}

/** Only the bar; the figure stands beside it in words. */
export function ShareBar({ share, tone = "plain" }: { share: number; tone?: string }): ReactNode {
  const width = Math.max(0, Math.min(1, share)) * 100;
  return (
    <svg className={`share share-${tone}`} viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
      <rect className="share-ground" width="100" height="6" />
      <rect className="share-fill" width={width} height="6" />
    </svg>
  );
}
