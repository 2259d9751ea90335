/** The stage: one picture of three, or depth in space, at one playhead. Videos play; a canvas above them shows single frames. */
import { lazy, type ReactNode, Suspense, useEffect, useMemo, useRef, useState } from "react";
import type { EventDetail, ProxyView } from "../api/types";
import { heldOf } from "../mediaStore";
import { type Player, STREAMS } from "../player";
import { playerWords } from "../playerWords";
import { gapAt, gapSpans } from "../timeline";
import { useBegun, usePlayerPart, usePlayerState } from "../usePlayer";
import { words } from "../words";
import { DepthScale } from "./DepthScale";
import { Notice } from "./Notice";
import { AS_RECORDED, filterOf, PictureAdjust } from "./PictureAdjust";
import { PlayerControls } from "./PlayerControls";
import { StreamSwitch } from "./StreamSwitch";

const SpaceView = lazy(() => import("../space/SpaceView"));

export function ClipPlayer({ event, player }: { event: EventDetail; player: Player }): ReactNode {
  const view = usePlayerPart(player, (state) => state.view);
  const stream = usePlayerPart(player, (state) => state.stream);
  const begun = useBegun(player);
  const [look, setLook] = useState(AS_RECORDED);
  return (
    <section className="player" aria-label={words.review.streams}>
      <StreamSwitch event={event} player={player} />
      <div className="stage" data-testid="stage">
        {event.proxies.length === 0 && <Awaited event={event} />}
        <div className="pictures" style={{ filter: filterOf(look) }}>
          {STREAMS.flatMap((name) => event.proxies.filter((proxy) => proxy.stream === name)).map((proxy) => (
            <StreamVideo
              key={proxy.url}
              proxy={proxy}
              player={player}
              shown={proxy.stream === view}
              loads={begun || proxy.stream === stream}
            />
          ))}
          <Screen player={player} />
        </div>
        {view === "space" && (
          <Suspense fallback={<Notice title={playerWords.spaceLoading} />}>
            <SpaceView event={event} player={player} />
          </Suspense>
        )}
        {stream === "depth" && <DepthScale />}
        <Notes event={event} player={player} />
      </div>
      <PlayerControls event={event} player={player}>
        <PictureAdjust look={look} onChange={setLook} />
      </PlayerControls>
    </section>
  );
}

/** What the picture cannot say itself: it is still coming, it fails, there is none here, it is not exact. */
function Notes({ event, player }: { event: EventDetail; player: Player }): ReactNode {
  const state = usePlayerState(player);
  if (event.proxies.length === 0) return null;
  const gap = gapAt(gapSpans(event.gaps, state.stream, event.clip_duration_ns), state.timeNs);
  const causes = gap?.causes.map(words.gapCause).join(", ") ?? "";
  return (
    <>
      {event.phase !== "closed" && <span className="stage-note">{words.review.eventRunning}</span>}
      {state.trouble !== "none" && (
        <span className="stage-note stage-bad" role="alert">
          {words.review.trouble[state.trouble]}
        </span>
      )}
      {gap && state.trouble === "none" && (
        <span className="stage-note">{words.review[gap.scattered ? "gapScattered" : "gapHere"](causes)}</span>
      )}
      {!state.exact && (
        <span className="stage-note stage-top" data-testid="not-exact">
          {playerWords.notExact}
        </span>
      )}
    </>
  );
}

function Awaited({ event }: { event: EventDetail }): ReactNode {
  if (event.clip === "overdue") return <Notice title={words.review.overdue} text={words.review.overdueMore} />;
  if (event.phase !== "closed")
    return <Notice title={words.review.eventRunning} text={words.review.eventRunningMore} />;
  return <Notice title={words.review.awaited} text={words.review.awaitedMore} />;
}

/** Single frames, above the video that they stand for. */
function Screen({ player }: { player: Player }): ReactNode {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { still, view, frame } = usePlayerState(player);
  useEffect(() => (canvas.current ? player.attachScreen(canvas.current) : undefined), [player]);
  return (
    <canvas
      ref={canvas}
      className={still && view !== "space" ? "shown" : ""}
      data-testid="still"
      data-frame={frame}
      onClick={() => player.toggle()}
    />
  );
}

interface StreamVideoProps {
  proxy: ProxyView;
  player: Player;
  shown: boolean;
  loads: boolean;
}

function StreamVideo({ proxy, player, shown, loads }: StreamVideoProps): ReactNode {
  const video = useRef<HTMLVideoElement>(null);
  const { stream } = proxy;
  const source = useSource(proxy.url);
  useEffect(() => (video.current ? player.attach(stream, video.current) : undefined), [player, stream]);
  return (
    <video
      ref={video}
      src={source}
      width={proxy.width}
      height={proxy.height}
      className={shown ? "shown" : ""}
      aria-hidden={!shown}
      aria-label={words.streams[stream] ?? stream}
      data-testid={`video-${stream}`}
      preload={loads ? "auto" : "none"}
      muted
      playsInline
      disablePictureInPicture
      onClick={() => player.toggle()}
    />
  );
}

/** A video that was fetched ahead plays from memory. */
function useSource(url: string): string {
  const local = useMemo(() => {
    const held = heldOf(url);
    return held ? URL.createObjectURL(held) : null;
  }, [url]);
  useEffect(() => () => (local ? URL.revokeObjectURL(local) : undefined), [local]);
  return local ?? url;
}
