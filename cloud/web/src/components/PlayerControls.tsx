/** Buttons for everything that the keys do with the playhead, and where it stands: both clocks, offset, frame. */
import type { ReactNode } from "react";
import type { EventDetail } from "../api/types";
import { frameAt, NS_PER_S } from "../frames";
import { KEYS, keyCap } from "../keyboard";
import type { Player } from "../player";
import { useFrameIndex } from "../playerQueries";
import { playerWords } from "../playerWords";
import { offsetText, preciseClock, utcText } from "../times";
import { usePlayerPart, usePlayerState } from "../usePlayer";
import { words } from "../words";
import { Icon, type IconName } from "./Icon";

interface ControlsProps {
  event: EventDetail;
  player: Player;
  children?: ReactNode;
}

export function PlayerControls({ event, player, children }: ControlsProps): ReactNode {
  const playing = usePlayerPart(player, (state) => state.playing);
  const backwards = usePlayerPart(player, (state) => state.backwards);
  const speed = usePlayerPart(player, (state) => state.speed);
  const idle = event.proxies.length === 0;
  const text = words.review;
  return (
    <div className="controls">
      <div className="buttons">
        <Control deed="tenBack" off={idle} onClick={() => player.jump(-10 * NS_PER_S)} />
        <Control deed="secondBack" off={idle} onClick={() => player.jump(-NS_PER_S)} />
        <Control deed="frameBack" off={idle} onClick={() => player.step(-1)} />
        <Control deed="reverse" off={idle} pressed={playing && backwards} onClick={() => player.reverse()} />
        <button
          type="button"
          className="control play"
          disabled={idle}
          onClick={() => player.toggle()}
          aria-keyshortcuts="Space"
        >
          {playing ? text.pause : text.play} <kbd>{words.keyCaps[" "]}</kbd>
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
          <span className="figure">{text.speedText(speed)}</span>
          <Control deed="faster" off={idle} onClick={() => player.faster(1)} />
        </span>
        <Looping event={event} player={player} off={idle} />
        {!idle && children}
      </div>
      <Readout event={event} player={player} />
    </div>
  );
}

function Looping({ event, player, off }: { event: EventDetail; player: Player; off: boolean }): ReactNode {
  const loop = usePlayerPart(player, (state) => state.loop);
  const told = (ns: number) => offsetText(ns - event.event_start_ns);
  return (
    <span className="looping">
      <Control deed="loopFrom" off={off} onClick={() => player.loopEdge("from")} />
      <Control deed="loopTo" off={off} onClick={() => player.loopEdge("to")} />
      {loop && (
        <button
          type="button"
          className="control figure"
          title={words.deeds.loopOff}
          data-testid="loop"
          onClick={() => player.noLoop()}
        >
          {playerWords.loop(told(loop.fromNs), told(loop.toNs))} ×
        </button>
      )}
    </span>
  );
}

function Readout({ event, player }: { event: EventDetail; player: Player }): ReactNode {
  const state = usePlayerState(player);
  const index = useFrameIndex(event.event_id, state.stream, player.frames().length > 0);
  const device = index.data?.device_ns[state.frame];
  const moment = new Date(Date.parse(event.clip_start_utc) + state.timeNs / 1e6);
  const count = player.frames().length;
  return (
    <div className="readout">
      <time dateTime={moment.toISOString()} title={utcText(moment)}>
        {preciseClock(moment)}
      </time>
      <span className="soft" data-testid="utc">
        {playerWords.utc(moment.toISOString().slice(11, 23))}
      </span>
      <span>{words.review.fromOnset(offsetText(state.timeNs - event.event_start_ns))}</span>
      <span
        className="soft"
        data-testid="frame"
        data-frame={state.frame}
        data-wanted={frameAt(player.frames(), state.timeNs)}
        data-still={state.still}
        data-exact={state.exact}
      >
        {state.frame >= 0 ? words.review.frame(state.frame + 1, count) : " "}
      </span>
      {device !== undefined && (
        <span className="soft" title={playerWords.deviceHint} data-testid="device-time" data-ns={device}>
          {playerWords.device((device / NS_PER_S).toFixed(3))}
        </span>
      )}
    </div>
  );
}

interface ControlProps {
  deed: IconName;
  off: boolean;
  pressed?: boolean;
  onClick: () => void;
}

function Control({ deed, off, pressed, onClick }: ControlProps): ReactNode {
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
      aria-pressed={pressed}
      title={`${name} (${caps})`}
    >
      <Icon name={deed} />
    </button>
  );
}
