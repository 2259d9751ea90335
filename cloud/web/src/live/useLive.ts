/** One view from the click to its end: joins, watches the age of the picture, hears why it ended, leaves when the page does. */
import { type RefObject, useCallback, useEffect, useState } from "react";
import { Problem, sentenceOf } from "../api/client";
import { LiveConnection } from "./connection";
import { type Course, type Over, type Shown, shownAt } from "./course";
import { type LiveStream, liveApi, type Place, type ViewCause, type ViewStanding } from "./liveApi";

const LOOK_MS = 250;
const VIEW_MS = 2_000;

export interface Picture {
  /** When it was taken, by the bed's clock. */
  utcMs: number | null;
  ageMs: number | null;
}

export interface Live {
  shown: Shown;
  picture: Picture;
  viewers: ViewStanding["viewers"];
  again: () => void;
}

const NOTHING: Picture = { utcMs: null, ageMs: null };

export function useLive(place: Place, stream: LiveStream, video: RefObject<HTMLVideoElement | null>): Live {
  const { site, bed } = place;
  const [attempt, setAttempt] = useState(0);
  const [shown, setShown] = useState<Shown>({ kind: "joining" });
  const [picture, setPicture] = useState<Picture>(NOTHING);
  const [viewers, setViewers] = useState<ViewStanding["viewers"]>([]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: a new attempt is a new view
  useEffect(() => {
    setShown({ kind: "joining" });
    setPicture(NOTHING);
    const view = new View({ site, bed }, stream, video.current, { setShown, setPicture, setViewers });
    void view.join();
    return () => view.leave();
  }, [site, bed, stream, attempt, video]);

  return { shown, picture, viewers, again: useCallback(() => setAttempt((n) => n + 1), []) };
}

interface Screen {
  setShown: (shown: Shown) => void;
  setPicture: (picture: Picture) => void;
  setViewers: (viewers: ViewStanding["viewers"]) => void;
}

/** All that belongs to one view and has to end with it. */
class View {
  /** The end of the view before: the bed hears of it first, so that a change of the picture fits under its limit. */
  private static farewell: Promise<void> = Promise.resolve();
  private readonly course: Course = { answeredMs: null, pictureMs: null, factMs: null };
  private readonly stop = new AbortController();
  private readonly timers: ReturnType<typeof setInterval>[] = [];
  private connection: LiveConnection | null = null;
  private viewId: string | null = null;
  private fact = { utcMs: 0, behindMs: 0, atMs: 0 };
  private wayMs = 0;
  private over = false;

  constructor(
    private readonly place: Place,
    private readonly stream: LiveStream,
    private readonly video: HTMLVideoElement | null,
    private readonly screen: Screen,
  ) {
    window.addEventListener("pagehide", this.leave);
  }

  async join(): Promise<void> {
    try {
      await View.farewell;
      const standing = await liveApi.standing(this.place, this.stop.signal);
      if (this.over) return;
      this.screen.setViewers(standing.viewers);
      const connection = new LiveConnection(standing, this.hear, () => this.end("line_lost"));
      this.connection = connection;
      const view = await liveApi.watch(this.place, this.stream, await connection.offer(), this.stop.signal);
      this.viewId = view.view_id;
      if (this.over) {
        View.farewell = liveApi.leave(view.view_id);
        return;
      }
      if (this.isEnded(view)) return;
      this.screen.setViewers(view.viewers);
      this.course.answeredMs = performance.now();
      this.show(connection);
      await connection.take(view.sdp);
      this.timers.push(setInterval(this.look, LOOK_MS), setInterval(this.ask, VIEW_MS));
    } catch (error) {
      this.fail(error);
    }
  }

  private show(connection: LiveConnection): void {
    const video = this.video;
    if (video === null) return;
    video.srcObject = connection.media;
    const seen = () => {
      if (this.over) return;
      this.course.pictureMs = performance.now();
      video.requestVideoFrameCallback(seen);
    };
    video.requestVideoFrameCallback(seen);
  }

  private readonly hear = (fact: { utc_ms?: number; age_ms?: number; end?: string; sentence?: string }): void => {
    if (fact.end) this.end(fact.end as ViewCause);
    this.course.factMs = performance.now();
    if (fact.utc_ms !== undefined) {
      this.fact = { utcMs: fact.utc_ms, behindMs: fact.age_ms ?? 0, atMs: performance.now() };
    }
  };

  /** A few times a second: how old the picture is, and what follows from it. */
  private readonly look = (): void => {
    const now = performance.now();
    if (document.hidden) {
      // a page that nobody looks at is given no pictures: that says nothing of the bed
      if (this.course.pictureMs !== null) this.course.pictureMs = now;
      return;
    }
    const shown = shownAt(this.course, now);
    if (shown.kind === "over") {
      this.end(shown.cause);
      return;
    }
    this.screen.setShown(shown);
    if (this.course.pictureMs === null || this.fact.atMs === 0) return;
    const utcMs = this.fact.utcMs + Math.max(0, this.course.pictureMs - this.fact.atMs);
    const ageMs = now - this.course.pictureMs + this.fact.behindMs + this.wayMs;
    this.screen.setPicture({ utcMs, ageMs });
  };

  /** Each two seconds: says that the page is still there, and hears who else is and whether the cloud ended it. */
  private readonly ask = async (): Promise<void> => {
    if (this.viewId === null || this.over) return;
    try {
      const view = await liveApi.view(this.viewId, this.stop.signal);
      this.wayMs = (await this.connection?.wayMs()) ?? 0;
      if (!this.over && !this.isEnded(view)) this.screen.setViewers(view.viewers);
    } catch (error) {
      // the pictures do not go by the server: while they flow its silence ends nothing
      if (error instanceof Problem && error.status < 500) this.fail(error);
    }
  };

  private isEnded(view: ViewStanding): boolean {
    if (view.state !== "refused" && view.state !== "ended") return false;
    this.end(view.cause ?? "stopped", view.cause === "bad_offer" ? view.sentence : "");
    return true;
  }

  private fail(error: unknown): void {
    if (this.over) return;
    if (!(error instanceof Problem)) this.end("unreachable");
    else if (error.status === 401) this.end("signedOut");
    else this.end("refused", sentenceOf(error));
  }

  private end(cause: Over["cause"], sentence = ""): void {
    if (this.over) return;
    this.leave();
    this.screen.setShown({ kind: "over", cause, sentence });
  }

  readonly leave = (): void => {
    if (this.over) return;
    this.over = true;
    window.removeEventListener("pagehide", this.leave);
    for (const timer of this.timers) clearInterval(timer);
    this.connection?.close();
    if (this.viewId !== null) View.farewell = liveApi.leave(this.viewId);
    this.stop.abort();
  };
}
