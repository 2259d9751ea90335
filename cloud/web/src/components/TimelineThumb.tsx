/** A small picture of what lies under the pointer on the timeline: the key frame at or before it, with its own time and number. */
import { type ReactNode, useEffect, useRef, useState } from "react";
import type { StreamName } from "../api/types";
import type { Player } from "../player";
import { playerWords } from "../playerWords";
import { offsetText } from "../times";

const WIDTH = 168;

interface ThumbProps {
  player: Player;
  stream: StreamName;
  frame: number;
  /** Place along the timeline, 0 to 1. */
  x: number;
  onsetNs: number;
}

export function TimelineThumb({ player, stream, frame, x, onsetNs }: ThumbProps): ReactNode {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [shown, setShown] = useState(-1);
  const latest = useRef(frame);
  const busy = useRef(false);
  useEffect(() => {
    latest.current = frame;
    const source = player.stills.source(stream);
    if (!source || busy.current || frame < 0) return;
    busy.current = true;
    const next = async () => {
      for (let wanted = -1; wanted !== latest.current; ) {
        wanted = latest.current;
        const { frame: key, picture } = await source.keyOf(wanted);
        draw(canvas.current, picture);
        picture.close();
        setShown(key);
      }
    };
    void next()
      .catch(() => undefined)
      .finally(() => {
        busy.current = false;
      });
  }, [player, stream, frame]);
  const time = player.frames(stream)[shown];
  return (
    <figure
      className="thumb"
      hidden={shown < 0}
      style={{ left: `clamp(${WIDTH / 2}px, calc(72px + (100% - 84px) * ${x}), calc(100% - ${WIDTH / 2}px))` }}
      data-testid="thumb"
      data-frame={shown}
    >
      <canvas ref={canvas} />
      <figcaption>{time !== undefined && playerWords.thumbnail(offsetText(time - onsetNs), shown + 1)}</figcaption>
    </figure>
  );
}

function draw(canvas: HTMLCanvasElement | null, picture: VideoFrame): void {
  if (!canvas) return;
  canvas.width = WIDTH;
  canvas.height = Math.round((WIDTH * picture.displayHeight) / picture.displayWidth);
  canvas.getContext("2d")?.drawImage(picture, 0, 0, canvas.width, canvas.height);
}
