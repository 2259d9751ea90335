/** A bed as it is now: the picture with its age and time, who watches, and a clear word when there is nothing to see. */
import { type ReactNode, useRef, useState } from "react";
import { DepthScale } from "../components/DepthScale";
import { Dialog } from "../components/Dialog";
import { useSession } from "../queries";
import { clockText } from "../times";
import { words } from "../words";
import type { Over } from "./course";
import type { LiveStream, Place } from "./liveApi";
import { liveWords } from "./liveWords";
import { type Live, useLive } from "./useLive";
import "../styles/live.css";

const STREAMS: LiveStream[] = ["ir", "depth", "colour"];

export default function LiveDialog({ place, onClose }: { place: Place; onClose: () => void }): ReactNode {
  const [stream, setStream] = useState<LiveStream>("ir");
  const video = useRef<HTMLVideoElement>(null);
  const live = useLive(place, stream, video);
  const over = live.shown.kind === "over";
  return (
    <Dialog title={liveWords.title(place.bed)} onClose={onClose} wide>
      <div className="live" data-testid="live" data-state={live.shown.kind}>
        <div className="live-bar">
          <StreamChoice stream={stream} onChoose={setStream} />
          <PictureLine live={live} />
        </div>
        <div className="live-stage">
          <video
            ref={video}
            autoPlay
            muted
            playsInline
            className={over || live.shown.kind === "joining" ? "live-hidden" : ""}
            aria-label={liveWords.picture(words.streams[stream] ?? stream, place.bed)}
          />
          <Overlay live={live} bed={place.bed} />
          {stream === "depth" && (live.shown.kind === "live" || live.shown.kind === "still") && <DepthScale />}
        </div>
        <div className="live-bar">
          <Viewers live={live} />
        </div>
        <div className="dialog-buttons">
          {over && (
            <button type="button" className="button button-main" onClick={live.again} data-testid="live-again">
              {liveWords.again}
            </button>
          )}
          <button type="button" className="button" onClick={onClose} data-testid="live-end">
            {over ? liveWords.close : liveWords.end} <kbd>Esc</kbd>
          </button>
        </div>
      </div>
    </Dialog>
  );
}

function StreamChoice({ stream, onChoose }: { stream: LiveStream; onChoose: (stream: LiveStream) => void }): ReactNode {
  return (
    <fieldset className="switch">
      <legend className="hidden">{liveWords.streams}</legend>
      {STREAMS.map((each) => (
        <button key={each} type="button" aria-pressed={each === stream} onClick={() => onChoose(each)}>
          {words.streams[each]}
        </button>
      ))}
    </fieldset>
  );
}

function PictureLine({ live }: { live: Live }): ReactNode {
  const { shown, picture } = live;
  if (shown.kind !== "live" && shown.kind !== "still") return null;
  return (
    <p className="live-line">
      <span className={shown.kind === "live" ? "state state-good" : "state state-bad"}>{liveWords.live}</span>
      {picture.utcMs !== null && (
        <span title={liveWords.bedClock}>
          {liveWords.at} <time className="figures">{clockText(new Date(picture.utcMs), new Date())}</time>
        </span>
      )}
      {picture.ageMs !== null && (
        <span className="figures soft" data-testid="live-age">
          {liveWords.age((picture.ageMs / 1000).toFixed(1))}
        </span>
      )}
    </p>
  );
}

function Overlay({ live, bed }: { live: Live; bed: string }): ReactNode {
  const { shown, picture } = live;
  if (shown.kind === "live") return null;
  if (shown.kind === "still") {
    return (
      <div className="live-still" role="status">
        <strong>{liveWords.still(shown.seconds)}</strong>
        <span>{liveWords.stillMore}</span>
      </div>
    );
  }
  const { title, text } =
    shown.kind === "joining"
      ? { title: liveWords.joining(bed), text: liveWords.joiningMore }
      : overText(shown, picture.utcMs);
  return (
    <div className="live-word" role={shown.kind === "joining" ? "status" : "alert"} data-testid="live-word">
      <strong>{title}</strong>
      <span>{text}</span>
    </div>
  );
}

function overText(over: Over, utcMs: number | null): { title: string; text: string } {
  switch (over.cause) {
    case "gone":
      return liveWords.gone(clockText(new Date(utcMs ?? Date.now()), new Date()));
    case "silent":
      return liveWords.silent;
    case "unreachable":
      return liveWords.unreachable;
    case "signedOut":
      return liveWords.signedOut;
    case "refused":
      return { title: liveWords.refused, text: over.sentence };
    default: {
      const { title, text } = liveWords.cause(over.cause);
      return { title, text: over.sentence || text };
    }
  }
}

function Viewers({ live }: { live: Live }): ReactNode {
  const own = useSession().data?.account;
  if (live.shown.kind === "over") return null;
  const names = live.viewers.map((each) => (each.viewer === own ? liveWords.you(each.viewer) : each.viewer));
  return (
    <p className="live-viewers soft">
      {names.length > 0 && (
        <span data-testid="live-viewers">
          {liveWords.viewers}: {[...new Set(names)].join(", ")}.{" "}
        </span>
      )}
      {liveWords.audited}
    </p>
  );
}
