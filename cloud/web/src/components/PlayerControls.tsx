/** Buttons for everything that the keys do with the playhead, and where it stands: wall clock, offset, frame. */
import type { ReactNode } from "react";
import type { EventDetail } from "../api/types";
import { NS_PER_S } from "../frames";
import { KEYS, keyCap } from "../keyboard";
import type { Player } from "../player";
import { offsetText, preciseClock, utcText } from "../times";
import { usePlayerState } from "../usePlayer";
import { words } from "../words";
import { Icon, type IconName } from "./Icon";

export function PlayerControls({ event, player }: { event: EventDetail; player: Player }): ReactNode {
  const state = usePlayerState(player);
  const idle = event.proxies.length === 0;
  const text = words.review;
  return (
    <div className="controls">
      <div className="buttons">
        <Control deed="tenBack" off={idle} onClick={() => player.jump(-10 * NS_PER_S)} />
        <Control deed="secondBack" off={idle} onClick={() => player.jump(-NS_PER_S)} />
        <Control deed="frameBack" off={idle} onClick={() => player.step(-1)} />
        <button
          type="button"
          className="control play"
          disabled={idle}
          onClick={() => player.toggle()}
          aria-keyshortcuts="Space"
        >
          {state.playing ? text.pause : text.play} <kbd>{words.keyCaps[" "]}</kbd>
        </button>
        <Control deed="frameOn" off={idle} onClick={() => player.step(1)} />
        <Control deed="secondOn" off={idle} onClick={() => player.jump(NS_PER_S)} />
        <Control deed="tenOn" off={idle} onClick={() => player.jump(10 * NS_PER_S)} />
        <button
          type="button"
          className="control"
          disabled={idle}
          title={words.deeds.onset}
          aria-keyshortcuts="o"
          onClick={() => player.seek(event.event_start_ns)}
        >
          {text.onsetShort} <kbd>o</kbd>
        </button>
        <span className="speed">
          <Control deed="slower" off={idle} onClick={() => player.faster(-1)} />
          <span className="figure">{text.speedText(state.speed)}</span>
          <Control deed="faster" off={idle} onClick={() => player.faster(1)} />
        </span>
      </div>
      <Readout event={event} player={player} />
    </div>
  );
}

function Readout({ event, player }: { event: EventDetail; player: Player }): ReactNode {
  const state = usePlayerState(player);
  const moment = new Date(Date.parse(event.clip_start_utc) + state.timeNs / 1e6);
  const count = player.frames().length;
  return (
    <div className="readout">
      <time dateTime={moment.toISOString()} title={utcText(moment)}>
        {preciseClock(moment)}
      </time>
      <span>{words.review.fromOnset(offsetText(state.timeNs - event.event_start_ns))}</span>
      <span className="soft" data-testid="frame" data-frame={state.frame}>
        {state.frame >= 0 ? words.review.frame(state.frame + 1, count) : " "}
      </span>
    </div>
  );
}

interface ControlProps {
  deed: IconName;
  off: boolean;
  onClick: () => void;
}

function Control({ deed, off, onClick }: ControlProps): ReactNode {
  const keys = KEYS.review.find((binding) => binding.deed === deed)?.keys ?? [];
  const caps = keys.map((key) => keyCap(key, words.keyCaps)).join(", ");
  const name = words.deeds[deed];
  return (
    <button
      type="button"
      className="control"
      disabled={off}
      onClick={onClick}
      aria-label={name}
      title={`${name} (${caps})`}
    >
      <Icon name={deed} />
    </button>
  );
}
