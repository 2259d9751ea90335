/** A moment in the viewer's own time, with UTC on hover and for machines. */
import type { ReactNode } from "react";
import { clockText, utcText } from "../times";

export function Moment({ utc }: { utc: string }): ReactNode {
  const moment = new Date(utc);
  return (
    <time dateTime={utc} title={utcText(moment)}>
      {clockText(moment, new Date())}
    </time>
  );
}
