/** The signs of the player's buttons, drawn so that no font can lack them. */
import type { ReactNode } from "react";

const PATHS = {
  tenBack: "M12 5l-5 5 5 5M17 5l-5 5 5 5",
  secondBack: "M13 5l-5 5 5 5",
  frameBack: "M6 5v10M14 5l-5 5 5 5",
  frameOn: "M14 5v10M6 5l5 5-5 5",
  secondOn: "M7 5l5 5-5 5",
  tenOn: "M3 5l5 5-5 5M8 5l5 5-5 5",
  reverse: "M14 5l-8 5 8 5z",
  loopFrom: "M10 4H6v12h4M10 10h5",
  loopTo: "M10 4h4v12h-4M10 10H5",
  slower: "M5 10h10",
  faster: "M5 10h10M10 5v10",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }): ReactNode {
  return (
    <svg className="icon" viewBox="0 0 20 20" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
