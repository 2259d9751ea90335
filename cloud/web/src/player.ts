/**
 * One playhead over up to three proxies of a clip. In: the proxies and their <video> elements. Out: a snapshot to render.
 * The clip time is the one truth; each stream shows its own last frame taken at or before it.
 */
import type { ProxyView, StreamName } from "./api/types";
import { clampFrame, clipTime, frameAt, NS_PER_S, seekSecond } from "./frames";
import { linkVideo, type Trouble } from "./videoLink";

/** The pictures in the order of their keys. */
export const STREAMS: readonly StreamName[] = ["ir", "depth", "colour"];
export const SPEEDS: readonly number[] = [0.25, 0.5, 1, 2, 4, 8];
const DEPARTURE_NS = 5 * NS_PER_S;
/** A pause moves the playhead to the frame that is on the screen, unless that one is far back, before a gap. */
const SNAP_NS = NS_PER_S / 4;

export interface PlayerState {
  stream: StreamName;
  timeNs: number;
  /** The frame that the browser says is on the screen; -1 before the first one. */
  frame: number;
  playing: boolean;
  speed: number;
  trouble: Trouble;
}

export class Player {
  private readonly videos = new Map<StreamName, HTMLVideoElement>();
  private readonly listeners = new Set<() => void>();
  private readonly byStream: Map<StreamName, ProxyView>;
  /** Streams whose element knows its file and stands at the playhead; before that its own time says nothing. */
  private readonly ready = new Set<StreamName>();
  private readonly shown = new Map<StreamName, number>();
  private readonly troubles = new Map<StreamName, Trouble>();
  private state: PlayerState;
  private tick = 0;

  constructor(
    proxies: readonly ProxyView[],
    readonly durationNs: number,
    readonly onsetNs: number,
  ) {
    this.byStream = new Map(proxies.map((proxy) => [proxy.stream, proxy]));
    const stream = STREAMS.find((name) => this.byStream.has(name)) ?? "ir";
    const timeNs = Math.max(0, onsetNs - DEPARTURE_NS);
    this.state = { stream, timeNs, frame: -1, playing: false, speed: 1, trouble: "none" };
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  snapshot = (): PlayerState => this.state;

  has(stream: StreamName): boolean {
    return this.byStream.has(stream);
  }

  frames(stream: StreamName = this.state.stream): readonly number[] {
    return this.byStream.get(stream)?.frame_times_ns ?? [];
  }

  /** Connects a stream's element; returns the disconnection. */
  attach(stream: StreamName, video: HTMLVideoElement): () => void {
    this.videos.set(stream, video);
    const ifShown = (part: Partial<PlayerState>) => {
      if (stream === this.state.stream) this.change(part);
    };
    const unlink = linkVideo(video, this.frames(stream), {
      ready: () => {
        this.ready.add(stream);
        if (stream === this.state.stream) this.showTime();
      },
      ended: () => this.pause(),
      frame: (frame) => {
        this.shown.set(stream, frame);
        ifShown({ frame });
      },
      trouble: (trouble) => {
        this.troubles.set(stream, trouble);
        ifShown(trouble === "none" ? { trouble } : { trouble, playing: false });
      },
    });
    return () => {
      unlink();
      this.videos.delete(stream);
      this.ready.delete(stream);
      if (stream === this.state.stream) this.pause();
    };
  }

  play(): void {
    const video = this.videos.get(this.state.stream);
    if (!video) return;
    const times = this.frames();
    if (frameAt(times, this.state.timeNs) >= times.length - 1) this.seek(0);
    video.playbackRate = this.state.speed;
    this.change({ playing: true });
    video.play().catch(() => this.change({ playing: false }));
    cancelAnimationFrame(this.tick);
    this.follow();
  }

  pause(): void {
    cancelAnimationFrame(this.tick);
    this.videos.get(this.state.stream)?.pause();
    if (!this.state.playing) return;
    const onScreen = this.frames()[this.state.frame] ?? this.state.timeNs;
    const close = Math.abs(onScreen - this.state.timeNs) < SNAP_NS;
    this.change({ playing: false, timeNs: close ? onScreen : this.state.timeNs });
  }

  toggle(): void {
    if (this.state.playing) this.pause();
    else this.play();
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

  /** Switches the picture; the playhead stays where it is, and playing goes on. */
  show(stream: StreamName): void {
    if (stream === this.state.stream || !this.has(stream)) return;
    const wasPlaying = this.state.playing;
    this.pause();
    this.change({ stream, frame: this.shown.get(stream) ?? -1, trouble: this.troubles.get(stream) ?? "none" });
    this.showTime();
    if (wasPlaying) this.play();
  }

  private showTime(): void {
    const video = this.videos.get(this.state.stream);
    const times = this.frames();
    const frame = frameAt(times, this.state.timeNs);
    if (!video || frame < 0 || !this.ready.has(this.state.stream)) return;
    video.currentTime = seekSecond(times, frame);
  }

  private follow = (): void => {
    const video = this.videos.get(this.state.stream);
    if (!video || !this.state.playing) return;
    if (this.ready.has(this.state.stream) && !video.seeking) {
      this.change({ timeNs: Math.min(this.durationNs, clipTime(this.frames(), video.currentTime)) });
    }
    this.tick = requestAnimationFrame(this.follow);
  };

  private change(part: Partial<PlayerState>): void {
    this.state = { ...this.state, ...part };
    for (const listener of this.listeners) listener();
  }
}
