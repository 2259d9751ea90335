/** The stage: one picture of three, at one playhead. All streams are loaded; only the chosen one is seen and runs. */
import { type ReactNode, useEffect, useRef } from "react";
import type { EventDetail, ProxyView } from "../api/types";
import { type Player, STREAMS } from "../player";
import { gapAt, gapSpans } from "../timeline";
import { usePlayerState } from "../usePlayer";
import { words } from "../words";
import { Notice } from "./Notice";
import { PlayerControls } from "./PlayerControls";
import { StreamSwitch } from "./StreamSwitch";

export function ClipPlayer({ event, player }: { event: EventDetail; player: Player }): ReactNode {
  const state = usePlayerState(player);
  const gap = gapAt(gapSpans(event.gaps, state.stream, event.clip_duration_ns), state.timeNs);
  return (
    <section className="player" aria-label={words.review.streams}>
      <StreamSwitch event={event} player={player} />
      <div className="stage" data-testid="stage">
        {event.proxies.length === 0 && <Awaited event={event} />}
        {STREAMS.flatMap((stream) => event.proxies.filter((proxy) => proxy.stream === stream)).map((proxy) => (
          <StreamVideo key={proxy.url} proxy={proxy} player={player} shown={proxy.stream === state.stream} />
        ))}
        {event.phase !== "closed" && event.proxies.length > 0 && (
          <span className="stage-note">{words.review.eventRunning}</span>
        )}
        {state.trouble !== "none" && (
          <span className="stage-note stage-bad" role="alert">
            {words.review.trouble[state.trouble]}
          </span>
        )}
        {gap && state.trouble === "none" && event.proxies.length > 0 && (
          <span className="stage-note">
            {words.review[gap.scattered ? "gapScattered" : "gapHere"](gap.causes.map(words.gapCause).join(", "))}
          </span>
        )}
      </div>
      <PlayerControls event={event} player={player} />
    </section>
  );
}

function Awaited({ event }: { event: EventDetail }): ReactNode {
  if (event.clip === "overdue") return <Notice title={words.review.overdue} text={words.review.overdueMore} />;
  if (event.phase !== "closed")
    return <Notice title={words.review.eventRunning} text={words.review.eventRunningMore} />;
  return <Notice title={words.review.awaited} text={words.review.awaitedMore} />;
}

interface StreamVideoProps {
  proxy: ProxyView;
  player: Player;
  shown: boolean;
}

function StreamVideo({ proxy, player, shown }: StreamVideoProps): ReactNode {
  const video = useRef<HTMLVideoElement>(null);
  const { stream } = proxy;
  useEffect(() => (video.current ? player.attach(stream, video.current) : undefined), [player, stream]);
  return (
    <video
      ref={video}
      src={proxy.url}
      width={proxy.width}
      height={proxy.height}
      className={shown ? "shown" : ""}
      aria-hidden={!shown}
      aria-label={words.streams[stream] ?? stream}
      data-testid={`video-${stream}`}
      preload="auto"
      muted
      playsInline
      disablePictureInPicture
      onClick={() => player.toggle()}
    />
  );
}
