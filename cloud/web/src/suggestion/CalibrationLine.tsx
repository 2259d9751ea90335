/** How far the network's shares are probabilities: its card's measurement as a small picture, or that there is none. */
import type { ReactNode } from "react";
import type { EventDetail } from "../api/types";
import { suggestionWords as words } from "../suggestionWords";
import { percentText } from "../times";

type Calibration = NonNullable<EventDetail["calibration"]>;

const SIDE = 64;
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });

export function CalibrationLine({ calibration, share }: { calibration: Calibration | null; share: number }): ReactNode {
  if (!calibration) return <p className="small warned">{words.notCalibrated}</p>;
  const { measured, n, error, temperature } = calibration;
  const silent = calibration.abstain_below ?? 0;
  return (
    <div className="calibration">
      <Reliability calibration={calibration} />
      <p className="small soft">
        {words.calibrated(day.format(new Date(measured)), n, percentText(error))}{" "}
        {temperature != null && words.temperature(temperature)}{" "}
        {share < silent ? (
          <strong>{words.isSilent(percentText(silent))}</strong>
        ) : (
          silent > 0 && words.abstain(percentText(silent))
        )}
      </p>
    </div>
  );
}

function Reliability({ calibration }: { calibration: Calibration }): ReactNode {
  const most = Math.max(...calibration.bins.map((bin) => bin.n));
  return (
    <svg className="reliability" viewBox={`0 0 ${SIDE} ${SIDE}`} role="img" aria-label={words.reliabilityLabel}>
      <line className="reliability-even" x1={0} y1={SIDE} x2={SIDE} y2={0} />
      {calibration.bins.map((bin) => (
        <circle
          key={bin.said}
          className="reliability-bin"
          cx={bin.said * SIDE}
          cy={SIDE - bin.right * SIDE}
          r={2 + 3 * Math.sqrt(bin.n / most)}
        >
          <title>{`${words.said} ${percentText(bin.said)}, ${words.right} ${percentText(bin.right)}, n = ${bin.n}`}</title>
        </circle>
      ))}
    </svg>
  );
}
