/** Buttons for everything that the keys do with the playhead, and where it stands: wall clock, offset, frame. */
import type { ReactNode } from "react";
import type { EventDetail } from "../api/types";
import { NS_PER_S } from "../frames";
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
        <Control
          icon="tenBack"
          name={text.tenBack}
          keys="Shift ←"
          off={idle}
          onClick={() => player.jump(-10 * NS_PER_S)}
        />
        <Control icon="secondBack" name={text.secondBack} keys="←" off={idle} onClick={() => player.jump(-NS_PER_S)} />
        <Control icon="frameBack" name={text.frameBack} keys="," off={idle} onClick={() => player.step(-1)} />
        <button
          type="button"
          className="control play"
          disabled={idle}
          onClick={() => player.toggle()}
          aria-keyshortcuts="Space"
        >
          {state.playing ? text.pause : text.play} <kbd>Space</kbd>
        </button>
        <Control icon="frameOn" name={text.frameOn} keys="." off={idle} onClick={() => player.step(1)} />
        <Control icon="secondOn" name={text.secondOn} keys="→" off={idle} onClick={() => player.jump(NS_PER_S)} />
        <Control icon="tenOn" name={text.tenOn} keys="Shift →" off={idle} onClick={() => player.jump(10 * NS_PER_S)} />
        <button
          type="button"
          className="control"
          disabled={idle}
          title={`${text.onset} (o)`}
          aria-keyshortcuts="o"
          onClick={() => player.seek(event.event_start_ns)}
        >
          {text.onsetShort} <kbd>o</kbd>
        </button>
        <span className="speed">
          <Control icon="slower" name={text.slower} keys="s" off={idle} onClick={() => player.faster(-1)} />
          <span className="figure">{text.speedText(state.speed)}</span>
          <Control icon="faster" name={text.faster} keys="f" off={idle} onClick={() => player.faster(1)} />
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
  icon: IconName;
  name: string;
  keys: string;
  off: boolean;
  onClick: () => void;
}

function Control({ icon, name, keys, off, onClick }: ControlProps): ReactNode {
  return (
    <button
      type="button"
      className="control"
      disabled={off}
      onClick={onClick}
      aria-label={name}
      title={`${name} (${keys})`}
    >
      <Icon name={icon} />
    </button>
  );
}
