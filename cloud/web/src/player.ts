/**
 * One playhead over up to three proxies of a clip, and the points in space made from its depth. In: the proxies, their <video>
 * elements and the canvas of single frames. Out: a snapshot to render. The clip time is the one truth; each stream shows its own
 * last frame taken at or before it. A video plays forwards; stills, decoded one by one, show pauses, steps and the way back.
 */
import type { ProxyView, StreamName } from "./api/types";
import { clampFrame, clipTime, frameAt, NS_PER_S, seekSecond } from "./frames";
import { Stills } from "./stills";
import { linkVideo, type Trouble } from "./videoLink";

/** The pictures in the order of their keys. */
export const STREAMS: readonly StreamName[] = ["ir", "depth", "colour"];
/** What can be looked at: the pictures, and depth as points in space. */
export type View = StreamName | "space";
export const VIEWS: readonly View[] = [...STREAMS, "space"];
export const SPEEDS: readonly number[] = [0.1, 0.25, 0.5, 1, 2, 4, 8];
const DEPARTURE_NS = 5 * NS_PER_S;
/** A pause moves the playhead to the frame that is on the screen, unless that one is far back, before a gap. */
const SNAP_NS = NS_PER_S / 4;

export interface Loop {
  fromNs: number;
  toNs: number;
}

export interface PlayerState {
  view: View;
  stream: StreamName;
  timeNs: number;
  /** The frame that is on the screen, as decoder or browser say; -1 before the first one. */
  frame: number;
  /** The canvas of single frames is what is seen. */
  still: boolean;
  /** Pauses and steps show decoded frames; false: the video is sought instead. */
  exact: boolean;
  playing: boolean;
  backwards: boolean;
  speed: number;
  loop: Loop | null;
  trouble: Trouble;
}

export class Player {
  readonly stills: Stills;
  private readonly videos = new Map<StreamName, HTMLVideoElement>();
  private readonly listeners = new Set<() => void>();
  private readonly byStream: Map<StreamName, ProxyView>;
  /** Streams whose element knows its file and stands at the playhead; before that its own time says nothing. */
  private readonly ready = new Set<StreamName>();
  private readonly troubles = new Map<StreamName, Trouble>();
  private state: PlayerState;
  /** Whether any frame of this clip has been seen. */
  begun = false;
  private tick = 0;
  private tickedMs = 0;

  constructor(
    proxies: readonly ProxyView[],
    readonly durationNs: number,
    readonly onsetNs: number,
  ) {
    this.byStream = new Map(proxies.map((proxy) => [proxy.stream, proxy]));
    this.stills = new Stills(this.byStream, {
      drawn: (stream, frame) => {
        // while a video starts, a still may be the first to be seen; after the video's own first frame it is not
        if (!this.forwards || this.state.frame < 0) this.ifShown(stream, { frame, still: true, trouble: "none" });
      },
      away: (stream) => this.ifShown(stream, { trouble: "retrying" }),
      unable: (stream) => {
        this.ifShown(stream, { exact: false, still: false });
        this.showTime();
      },
    });
    const stream = STREAMS.find((name) => this.byStream.has(name)) ?? "ir";
    const timeNs = Math.max(0, Math.min(durationNs, onsetNs - DEPARTURE_NS));
    this.state = {
      ...{ view: stream, stream, timeNs, frame: -1, still: false, exact: this.stills.can(stream) },
      ...{ playing: false, backwards: false, speed: 1, loop: null, trouble: "none" },
    };
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  snapshot = (): PlayerState => this.state;

  has(view: View): boolean {
    return this.byStream.has(streamOf(view));
  }

  frames(stream: StreamName = this.state.stream): readonly number[] {
    return this.byStream.get(stream)?.frame_times_ns ?? [];
  }

  /** Connects a stream's element; returns the disconnection. */
  attach(stream: StreamName, video: HTMLVideoElement): () => void {
    this.videos.set(stream, video);
    const unlink = linkVideo(video, this.frames(stream), {
      ready: () => {
        this.ready.add(stream);
        if (stream === this.state.stream) this.showTime();
      },
      ended: () => this.atEnd(),
      frame: (frame) => this.presented(stream, frame),
      trouble: (trouble) => {
        this.troubles.set(stream, trouble);
        if (trouble !== "none" && stream === this.state.stream && this.forwards) this.pause();
        this.ifShown(stream, { trouble });
      },
    });
    return () => {
      unlink();
      this.videos.delete(stream);
      this.ready.delete(stream);
      if (stream === this.state.stream) this.pause();
    };
  }

  /** Connects the canvas of single frames; returns the disconnection. */
  attachScreen(canvas: HTMLCanvasElement): () => void {
    const detach = this.stills.attach(canvas);
    this.showTime();
    return detach;
  }

  play(backwards = false): void {
    const times = this.frames();
    if (times.length === 0) return;
    const at = frameAt(times, this.state.timeNs);
    if (backwards && at <= 0) this.change({ timeNs: this.state.loop?.toNs ?? this.durationNs });
    if (!backwards && at >= times.length - 1) this.change({ timeNs: this.state.loop?.fromNs ?? 0 });
    this.change({ playing: true, backwards });
    this.tickedMs = performance.now();
    cancelAnimationFrame(this.tick);
    if (backwards) this.videos.get(this.state.stream)?.pause();
    else this.startVideo();
    this.follow();
  }

  pause(): void {
    cancelAnimationFrame(this.tick);
    this.videos.get(this.state.stream)?.pause();
    if (!this.state.playing) return;
    const onScreen = this.frames()[this.state.frame] ?? this.state.timeNs;
    const close = Math.abs(onScreen - this.state.timeNs) < SNAP_NS;
    this.change({ playing: false, backwards: false, timeNs: close ? onScreen : this.state.timeNs });
    this.showTime();
  }

  toggle(): void {
    if (this.state.playing) this.pause();
    else this.play();
  }

  reverse(): void {
    if (this.state.playing && this.state.backwards) this.pause();
    else this.play(true);
  }

  /** Moves by whole frames of the shown stream and stops there. */
  step(by: number): void {
    this.pause();
    const times = this.frames();
    const frame = clampFrame(times, frameAt(times, this.state.timeNs) + by);
    this.seek(times[frame] ?? this.state.timeNs);
  }

  jump(byNs: number): void {
    this.seek(this.state.timeNs + byNs);
  }

  seek(toNs: number): void {
    this.change({ timeNs: Math.max(0, Math.min(this.durationNs, toNs)) });
    this.showTime();
  }

  faster(by: 1 | -1): void {
    const at = SPEEDS.indexOf(this.state.speed);
    const speed = SPEEDS[Math.max(0, Math.min(SPEEDS.length - 1, at + by))] ?? 1;
    const video = this.videos.get(this.state.stream);
    if (video) video.playbackRate = speed;
    this.change({ speed });
  }

  /** One end of the loop at the playhead; the other end stays, or is the clip's own. */
  loopEdge(edge: "from" | "to"): void {
    const { loop, timeNs } = this.state;
    const fromNs = edge === "from" ? timeNs : (loop?.fromNs ?? 0);
    const toNs = edge === "to" ? timeNs : (loop?.toNs ?? this.durationNs);
    if (fromNs !== toNs) this.change({ loop: { fromNs: Math.min(fromNs, toNs), toNs: Math.max(fromNs, toNs) } });
  }

  noLoop(): void {
    this.change({ loop: null });
  }

  /** Switches the picture; the playhead stays where it is, and playing goes on. */
  show(view: View): void {
    const stream = streamOf(view);
    if (view === this.state.view || !this.has(view)) return;
    if (stream === this.state.stream) this.change({ view });
    else this.switchTo(view, stream);
  }

  private switchTo(view: View, stream: StreamName): void {
    const { playing, backwards } = this.state;
    cancelAnimationFrame(this.tick);
    this.videos.get(this.state.stream)?.pause();
    this.stills.drop();
    const trouble = this.troubles.get(stream) ?? "none";
    this.change({ view, stream, frame: -1, still: false, exact: this.stills.can(stream), trouble, playing: false });
    if (playing) this.play(backwards);
    else this.showTime();
  }

  private get forwards(): boolean {
    return this.state.playing && !this.state.backwards;
  }

  private startVideo(): void {
    const video = this.videos.get(this.state.stream);
    if (!video) {
      this.change({ playing: false });
      return;
    }
    if (this.state.frame >= 0) this.stills.drop();
    video.playbackRate = this.state.speed;
    this.seekVideo(video);
    video.play().catch(() => this.forwards && this.change({ playing: false }));
  }

  private seekVideo(video: HTMLVideoElement): void {
    const times = this.frames();
    const frame = frameAt(times, this.state.timeNs);
    if (frame >= 0 && this.ready.has(this.state.stream)) video.currentTime = seekSecond(times, frame);
  }

  /** Brings the frame of the playhead to the screen: by the video while it plays, else by the decoder where it can. */
  private showTime(): void {
    const { stream } = this.state;
    const frame = frameAt(this.frames(), this.state.timeNs);
    const video = this.videos.get(stream);
    if (frame < 0) return;
    if (!this.forwards && this.stills.can(stream)) this.stills.want(stream, frame);
    else if (video && !(this.state.backwards && video.seeking)) this.seekVideo(video);
  }

  /** The browser presents a frame of the video. What it shows under a still is of no interest. */
  private presented(stream: StreamName, frame: number): void {
    if (this.forwards) {
      if (stream === this.state.stream) this.stills.drop();
      this.ifShown(stream, { frame, still: false });
    } else if (!this.stills.can(stream)) this.ifShown(stream, { frame });
  }

  private follow = (): void => {
    if (!this.state.playing) return;
    const nowMs = performance.now();
    const passedNs = (nowMs - this.tickedMs) * 1e6 * this.state.speed;
    this.tickedMs = nowMs;
    if (this.state.backwards) this.goBack(passedNs);
    else this.goOn();
    if (this.state.playing) this.tick = requestAnimationFrame(this.follow);
  };

  private goOn(): void {
    const video = this.videos.get(this.state.stream);
    if (!video || !this.ready.has(this.state.stream) || video.seeking) return;
    this.change({ timeNs: Math.min(this.durationNs, clipTime(this.frames(), video.currentTime)) });
    if (this.state.loop && this.state.timeNs >= this.state.loop.toNs) this.seek(this.state.loop.fromNs);
  }

  private goBack(passedNs: number): void {
    const startNs = this.state.loop?.fromNs ?? this.frames()[0] ?? 0;
    const timeNs = this.state.timeNs - passedNs;
    if (timeNs > startNs) this.seek(timeNs);
    else if (this.state.loop) this.seek(this.state.loop.toNs);
    else {
      this.change({ timeNs: startNs, playing: false, backwards: false });
      this.showTime();
    }
  }

  private atEnd(): void {
    if (!this.forwards) return;
    if (this.state.loop) {
      this.change({ timeNs: this.state.loop.fromNs });
      this.startVideo();
    } else this.pause();
  }

  private ifShown(stream: StreamName, part: Partial<PlayerState>): void {
    if (stream === this.state.stream) this.change(part);
  }

  private change(part: Partial<PlayerState>): void {
    this.state = { ...this.state, ...part };
    this.begun ||= this.state.frame >= 0;
    for (const listener of this.listeners) listener();
  }
}

export function streamOf(view: View): StreamName {
  return view === "space" ? "depth" : view;
}
