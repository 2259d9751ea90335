/** Depth in space, at the player's playhead: turned by hand, measured by two clicks. It comes with three.js, only when it is opened. */
import { type PointerEvent, type ReactNode, useEffect, useMemo, useRef, useState } from "react";
import { Problem } from "../api/client";
import type { EventDetail, LensView } from "../api/types";
import { Notice } from "../components/Notice";
import { frameAt } from "../frames";
import type { Player } from "../player";
import { useLens } from "../playerQueries";
import { playerWords } from "../playerWords";
import { usePlayerState } from "../usePlayer";
import { DepthFrames } from "./depthFrames";
import { distanceMm, type Point } from "./lens";
import { SpaceScene, type Thinning } from "./scene";

/** While it plays every second pixel of every second row is shown, every fifth without a graphics card; a pause shows them all. */
const PLAYING_STEP = 2;
const PLAYING_STEP_IN_SOFTWARE = 5;
const DRAG_PX = 4;

interface Pick {
  pixel: [number, number];
  point: Point;
}

interface SpaceProps {
  event: EventDetail;
  player: Player;
}

export default function SpaceView({ event, player }: SpaceProps): ReactNode {
  const lens = useLens(event.event_id);
  if (lens.data) return <Space event={event} player={player} lens={lens.data} />;
  const refused = lens.error instanceof Problem && lens.error.status < 500 ? lens.error.detail : undefined;
  if (refused) return <Notice title={playerWords.spaceNone} text={refused} />;
  return <Notice title={lens.isError ? playerWords.spaceAway : playerWords.spaceLoading} />;
}

function Space({ event, player, lens }: SpaceProps & { lens: LensView }): ReactNode {
  const canvas = useRef<HTMLCanvasElement>(null);
  const scene = useScene(canvas, lens);
  const [picks, setPicks] = useState<readonly Pick[]>([]);
  const pressed = useRef<[number, number]>([0, 0]);
  const shown = useShownPicture(event, player, scene.current);
  useEffect(() => scene.current?.mark(picks.map(({ point }) => point)), [picks, scene.current]);
  if (scene.failed) return <Notice title={playerWords.spaceNone} text={playerWords.spaceNoGl} />;

  const pick = (pointer: PointerEvent<HTMLCanvasElement>) => {
    const [x, y] = [pointer.nativeEvent.offsetX, pointer.nativeEvent.offsetY];
    if (Math.hypot(x - pressed.current[0], y - pressed.current[1]) > DRAG_PX) return;
    const found = scene.current?.pick(x, y);
    if (found) setPicks((old) => (old.length >= 2 ? [found] : [...old, found]));
  };
  return (
    <div className="space">
      <canvas
        ref={canvas}
        data-testid="space"
        aria-label={playerWords.views.space}
        onPointerDown={({ nativeEvent }) => {
          pressed.current = [nativeEvent.offsetX, nativeEvent.offsetY];
        }}
        onPointerUp={pick}
      />
      <div className="space-facts">
        <span>{shown.text || playerWords.spaceLoading}</span>
        {shown.text && scene.thinning.step > 1 && (
          <span data-testid="thinned" data-step={scene.thinning.step}>
            {playerWords.spaceThinned(scene.thinning.step, scene.thinning.resolution)}
          </span>
        )}
        <Measure picks={picks} />
        {picks.length > 0 && (
          <button type="button" className="button button-quiet" onClick={() => setPicks([])}>
            {playerWords.clearPoints}
          </button>
        )}
        <button type="button" className="button button-quiet" onClick={() => scene.current?.fromCamera()}>
          {playerWords.resetView}
        </button>
      </div>
      <p className="space-hint">{shown.fault || playerWords.spaceHint}</p>
    </div>
  );
}

function Measure({ picks }: { picks: readonly Pick[] }): ReactNode {
  const [first, second] = picks;
  if (!first) return null;
  const far = (point: Point) => Math.hypot(...point).toFixed(0);
  const apart = second && distanceMm(first.point, second.point);
  return (
    <span
      data-testid="distance"
      data-mm={apart}
      data-pixels={picks.map(({ pixel }) => pixel.join()).join(" ")}
      aria-live="polite"
    >
      {apart === undefined ? playerWords.onePoint(far(first.point)) : playerWords.distance(apart.toFixed(0))}
    </span>
  );
}

/** The scene on its canvas, as large as its place. */
function useScene(canvas: { current: HTMLCanvasElement | null }, lens: LensView) {
  const [scene, setScene] = useState<SpaceScene | null>(null);
  const [failed, setFailed] = useState(false);
  const [thinning, setThinning] = useState<Thinning>({ step: 1, resolution: 1 });
  useEffect(() => {
    const element = canvas.current;
    const place = element?.parentElement;
    if (!element || !place) return;
    let made: SpaceScene;
    try {
      made = new SpaceScene(element, lens, ({ step, resolution }) =>
        setThinning((old) => (old.step === step && old.resolution === resolution ? old : { step, resolution })),
      );
    } catch {
      return setFailed(true);
    }
    const observer = new ResizeObserver(() => made.resize(place.clientWidth, place.clientHeight));
    observer.observe(place);
    setScene(made);
    return () => {
      observer.disconnect();
      made.close();
      setScene(null);
    };
  }, [canvas, lens]);
  return { current: scene, failed, thinning };
}

/** Brings the depth picture of the playhead into the scene; says which one is seen and what is wrong. */
function useShownPicture(event: EventDetail, player: Player, scene: SpaceScene | null) {
  const { timeNs, playing, backwards } = usePlayerState(player);
  const times = player.frames("depth");
  const [, arrived] = useState(0);
  const [fault, setFault] = useState<"none" | "away" | Problem>("none");
  const frames = useMemo(
    () => new DepthFrames(event.event_id, times.length, () => arrived((n) => n + 1), setFault),
    [event.event_id, times.length],
  );
  const text = useRef("");
  const wanted = frameAt(times, timeNs);
  const coarse = scene?.software ? PLAYING_STEP_IN_SOFTWARE : PLAYING_STEP;
  const step = playing ? coarse : 1;
  const here = frames.get(wanted, step) ?? frames.get(wanted, coarse) ?? frames.get(wanted, 1);
  useEffect(() => frames.want(wanted, step, playing ? (backwards ? -1 : 1) : 0));
  useEffect(() => scene?.play(playing), [playing, scene]);
  useEffect(() => {
    if (here && scene) scene.show(here);
  }, [here, scene]);
  if (here) text.current = playerWords.spaceFrame(wanted + 1, (here.width * here.height).toLocaleString("en"));
  const behind = playing && text.current !== "" && !here;
  const told =
    fault === "away" ? playerWords.spaceAway : fault !== "none" ? fault.detail : behind ? playerWords.spaceBehind : "";
  return { text: text.current, fault: told };
}
