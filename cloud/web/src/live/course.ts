/** The course of a view, pure: what a page shows from what happened and when. Times in ms of one clock. */
import type { ViewCause } from "./liveApi";

/** So long a first picture may take once the bed answered. */
export const JOIN_LIMIT_MS = 10_000;
/** A picture older than this stands still: the page says so. */
export const STILL_MS = 2_000;
/** After this long without one the bed is gone: the page says so and offers to try again. */
export const GONE_MS = 5_000;

export interface Over {
  kind: "over";
  cause: ViewCause | "gone" | "silent" | "unreachable" | "signedOut" | "refused";
  /** The server's or the bed's own sentence, where it says more than the cause. */
  sentence: string;
}

export type Shown = { kind: "joining" } | { kind: "live" } | { kind: "still"; seconds: number } | Over;

export interface Course {
  answeredMs: number | null;
  pictureMs: number | null;
  /** When the bed was last heard of on the data channel: it lives, whatever its camera does. */
  factMs: number | null;
}

/** While nobody ended it: joining, live, still, or over because nothing came. */
export function shownAt(course: Course, nowMs: number): Shown {
  const heard = course.factMs !== null && nowMs - course.factMs <= GONE_MS;
  if (course.pictureMs !== null) {
    const age = nowMs - course.pictureMs;
    if (age > GONE_MS && !heard) return { kind: "over", cause: "gone", sentence: "" };
    return age > STILL_MS ? { kind: "still", seconds: Math.floor(age / 1000) } : { kind: "live" };
  }
  if (course.answeredMs !== null && nowMs - course.answeredMs > JOIN_LIMIT_MS) {
    return { kind: "over", cause: heard ? "silent" : "never_joined", sentence: "" };
  }
  return { kind: "joining" };
}
