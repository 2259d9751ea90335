/** Makes the clip longer at either end: a wish to the bed's ring for the whole longer span, which comes as an event of its own. */
import { type ReactNode, useState } from "react";
import { Link } from "wouter";
import { api, sentenceOf } from "../api/client";
import type { EventDetail, PullView } from "../api/types";
import { NS_PER_S } from "../frames";
import { usePull } from "../playerQueries";
import { playerWords } from "../playerWords";
import { longerSpan } from "../pulls";
import { useSession } from "../queries";
import { shownTo } from "../roles";

const BY_S = 30;
type End = "earlier" | "later";

export function ExtendClip({ event }: { event: EventDetail }): ReactNode {
  const allowed = shownTo(useSession().data?.role).pulls;
  const [pull, setPull] = useState<PullView | null>(null);
  const [end, setEnd] = useState<End>("earlier");
  const [fault, setFault] = useState("");
  const newest = usePull(pull).data ?? pull;
  if (!allowed || event.phase !== "closed") return null;

  const ask = async (wanted: End) => {
    setEnd(wanted);
    setPull(null);
    setFault("");
    const span = longerSpan(event.clip_start_utc, event.clip_duration_ns / NS_PER_S, wanted, BY_S, new Date());
    if (span === "future") return setFault(playerWords.inFuture);
    if (span === "long") return setFault(playerWords.tooLong);
    try {
      setPull(await api.askPull({ site: event.site, bed: event.bed, start_utc: span.startUtc, end_utc: span.endUtc }));
    } catch (error) {
      setFault(sentenceOf(error));
    }
  };
  return (
    <div className="extend">
      {(["earlier", "later"] as const).map((each) => (
        <button
          key={each}
          type="button"
          className="button button-quiet"
          title={playerWords.extendHint}
          onClick={() => ask(each)}
        >
          {each === "earlier" ? `◂ ${playerWords.earlier}` : `${playerWords.later} ▸`}
        </button>
      ))}
      <span className="soft small" role="status" data-testid="extension" data-standing={newest?.standing ?? ""}>
        {fault || (newest && <Standing pull={newest} end={end} />)}
      </span>
    </div>
  );
}

function Standing({ pull, end }: { pull: PullView; end: End }): ReactNode {
  const come = pull.parts.find((part) => part.watchable);
  return (
    <>
      {playerWords[end]}: {playerWords.extendStanding[pull.standing] ?? pull.standing}
      {pull.reason && ` (${pull.reason})`}{" "}
      {come && <Link href={`/events/${come.event_id}`}>{playerWords.openLonger}</Link>}
    </>
  );
}
