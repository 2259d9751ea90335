/** What the colours of depth mean, in mm. Near is bright and far is dark, so that it reads in grey and for colour-blind eyes. */
import { type ReactNode, useEffect, useRef } from "react";
import { playerWords } from "../playerWords";
import { depthPalette, FARTHEST_MM, NEAREST_MM } from "../space/palette";

export function DepthScale(): ReactNode {
  const bar = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const pen = bar.current?.getContext("2d");
    const colours = new Uint8ClampedArray(depthPalette()).reverse();
    // reversed bytes are A B G R, near to far: put each colour the right way round again
    for (let at = 0; at < colours.length; at += 4) colours.subarray(at, at + 4).reverse();
    pen?.putImageData(new ImageData(colours, 256, 1), 0, 0);
  }, []);
  return (
    <figure className="depth-scale" title={playerWords.noReading}>
      <figcaption>{playerWords.scale}</figcaption>
      <span>{NEAREST_MM}</span>
      <canvas ref={bar} width={256} height={1} />
      <span>{FARTHEST_MM}</span>
    </figure>
  );
}
