/** Opens the live view of a bed; where it cannot be watched it is off and says why. The view itself is loaded when it is used. */
import { lazy, type ReactNode, Suspense, useState } from "react";
import type { Bed } from "../api/types";
import { liveWords } from "./liveWords";

const LiveDialog = lazy(() => import("./LiveDialog"));

export function WatchButton({ bed }: { bed: Bed }): ReactNode {
  const [open, setOpen] = useState(false);
  const hindrance = hindranceOf(bed);
  return (
    <>
      <button
        type="button"
        className="button button-small"
        disabled={hindrance !== null}
        title={hindrance ?? undefined}
        onClick={() => setOpen(true)}
        data-testid={`watch-${bed.bed}`}
      >
        {liveWords.watch}
      </button>
      {open && (
        <Suspense>
          <LiveDialog place={bed} onClose={() => setOpen(false)} />
        </Suspense>
      )}
    </>
  );
}

function hindranceOf(bed: Bed): string | null {
  if (!bed.online) return liveWords.watchOff.offline;
  if (bed.live?.private) return liveWords.watchOff.private;
  if (bed.paused_at_bed) return liveWords.watchOff.paused;
  return bed.live && bed.live.most_viewers > 0 ? null : liveWords.watchOff.notSetUp;
}

/** Who watches the bed, or that nobody can. */
export function LiveLine({ bed }: { bed: Bed }): ReactNode {
  if (!bed.live || !bed.online) return null;
  const names = [...new Set(bed.live.viewers.map((each) => each.viewer))].join(", ");
  if (bed.live.private) return <p className="live-note state state-bad">{liveWords.privacy}</p>;
  return names ? <p className="live-note soft">{liveWords.watching(names)}</p> : null;
}
