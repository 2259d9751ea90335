/** Claims the event while its page is open and renews the lease; says who else works on it. */
import { type ReactNode, useEffect, useState } from "react";
import { claimWords as words } from "../annotationWords";
import { Problem } from "../api/client";
import { desk } from "../api/desk";
import { useSession } from "../queries";
import { shownTo } from "../roles";

const RENEW_MS = 60_000;

export function ClaimLine({ eventId }: { eventId: string }): ReactNode {
  const allowed = shownTo(useSession().data?.role).verdicts;
  const [text, setText] = useState("");
  useEffect(() => {
    if (!allowed) return;
    let left = false;
    const renew = async () => {
      try {
        await desk.claim(eventId);
        if (!left) setText(words.mine);
      } catch (error) {
        if (!left && error instanceof Problem && error.status === 409) setText(error.detail);
      }
    };
    void renew();
    const timer = setInterval(() => void renew(), RENEW_MS);
    return () => {
      left = true;
      clearInterval(timer);
      void desk.release(eventId).catch(() => undefined);
    };
  }, [allowed, eventId]);
  if (!text) return null;
  return (
    <p className={text === words.mine ? "claim-line soft" : "claim-line warned"} role="status" data-testid="claim">
      {text}
    </p>
  );
}
