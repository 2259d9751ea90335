/** The timeline's zoom for those without a wheel. */
import type { ReactNode } from "react";
import type { Player } from "../player";
import { playerWords } from "../playerWords";
import type { Zoom } from "../useZoom";

export function ZoomButtons({ zoom, player }: { zoom: Zoom; player: Player }): ReactNode {
  const at = () => player.snapshot().timeNs;
  return (
    <div className="zoom-buttons">
      <button
        type="button"
        aria-label={playerWords.zoomIn}
        title={`${playerWords.zoomIn} (+)`}
        onClick={() => zoom.by(0.5, at())}
      >
        +
      </button>
      <button
        type="button"
        aria-label={playerWords.zoomOut}
        title={`${playerWords.zoomOut} (−)`}
        onClick={() => zoom.by(2, at())}
      >
        −
      </button>
      <button type="button" aria-label={playerWords.zoomAll} title={`${playerWords.zoomAll} (0)`} onClick={zoom.all}>
        ↔
      </button>
    </div>
  );
}
