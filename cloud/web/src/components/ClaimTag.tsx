/** Who works on an event, in few words; a claim whose lease has ended says so. */
import type { ReactNode } from "react";
import { claimWords as words } from "../annotationWords";
import type { WorklistItem } from "../api/types";
import { ageText } from "../times";

export function ClaimTag({ claim, now }: { claim: WorklistItem["claim"]; now: Date }): ReactNode {
  if (!claim) return null;
  const ended = ageText((now.getTime() - Date.parse(claim.expires_utc)) / 1000);
  const text = claim.expired
    ? words.shortExpired(claim.holder, ended)
    : claim.mine
      ? words.shortMine
      : words.short(claim.holder);
  return <div className={claim.expired ? "second claim-ended" : "second claim"}>{text}</div>;
}
