/** Which of the three pictures is shown; a stream that the clip lacks is off and says why. */
import type { ReactNode } from "react";
import type { EventDetail } from "../api/types";
import { type Player, STREAMS } from "../player";
import { usePlayerState } from "../usePlayer";
import { words } from "../words";

export function StreamSwitch({ event, player }: { event: EventDetail; player: Player }): ReactNode {
  const state = usePlayerState(player);
  if (event.proxies.length === 0) return null;
  return (
    <fieldset className="switch stream-switch">
      <legend className="hidden">{words.review.streams}</legend>
      {STREAMS.map((stream, index) => (
        <button
          key={stream}
          type="button"
          aria-pressed={state.stream === stream}
          disabled={!player.has(stream)}
          title={player.has(stream) ? undefined : words.review.noStream(words.streams[stream] ?? stream)}
          onClick={() => player.show(stream)}
        >
          {words.streams[stream]} <kbd>{index + 1}</kbd>
        </button>
      ))}
    </fieldset>
  );
}
