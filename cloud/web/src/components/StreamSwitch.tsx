/** Which picture is shown, or depth in space; what the clip lacks is off and says why. */
import type { ReactNode } from "react";
import type { EventDetail } from "../api/types";
import { type Player, streamOf, VIEWS } from "../player";
import { playerWords } from "../playerWords";
import { usePlayerPart } from "../usePlayer";
import { words } from "../words";

export function StreamSwitch({ event, player }: { event: EventDetail; player: Player }): ReactNode {
  const shown = usePlayerPart(player, (state) => state.view);
  if (event.proxies.length === 0) return null;
  return (
    <fieldset className="switch stream-switch">
      <legend className="hidden">{words.review.streams}</legend>
      {VIEWS.map((view, index) => (
        <button
          key={view}
          type="button"
          aria-pressed={shown === view}
          disabled={!player.has(view)}
          title={player.has(view) ? undefined : words.review.noStream(words.streams[streamOf(view)] ?? view)}
          onClick={() => player.show(view)}
        >
          {playerWords.views[view]} <kbd>{index + 1}</kbd>
        </button>
      ))}
    </fieldset>
  );
}
