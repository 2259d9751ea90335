/**
 * Draws single frames on one canvas, the newest wish first. In: a stream and a frame number. Out: the drawn picture, and news of
 * which frame it is. One frame is decoded at a time, so that dragging never queues; what the network denies is asked for again.
 */
import type { ProxyView, StreamName } from "./api/types";
import { canDecode, ExactFrames } from "./exactFrames";
import { Away } from "./mediaStore";

const RETRY_MS = 2_000;
/** So close to the edge of what is decoded, the next part is decoded too; who steps frame by frame gets two parts at once. */
const EDGE_FRAMES = 22;
const STEPPING_AHEAD = 2;

export interface StillNews {
  drawn: (stream: StreamName, frame: number) => void;
  /** The server is away; it is asked again. */
  away: (stream: StreamName) => void;
  /** Single frames of this stream cannot be shown: the video itself must be sought. */
  unable: (stream: StreamName) => void;
}

interface Wish {
  stream: StreamName;
  frame: number;
}

export class Stills {
  private readonly sources = new Map<StreamName, ExactFrames>();
  private readonly unable = new Set<StreamName>();
  private canvas: HTMLCanvasElement | null = null;
  private wish: Wish | null = null;
  private drawn: Wish | null = null;
  private busy = false;
  private retry: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly proxies: ReadonlyMap<StreamName, ProxyView>,
    private readonly news: StillNews,
  ) {}

  can(stream: StreamName): boolean {
    return canDecode() && this.proxies.has(stream) && !this.unable.has(stream);
  }

  attach(canvas: HTMLCanvasElement): () => void {
    this.canvas = canvas;
    this.drawn = null;
    this.next();
    return () => {
      this.canvas = null;
      this.drop();
      for (const source of this.sources.values()) source.close();
      this.sources.clear();
    };
  }

  /** Wants this frame on the canvas, in place of any other that was wanted. */
  want(stream: StreamName, frame: number): void {
    this.wish = { stream, frame };
    this.next();
  }

  /** Nothing is wanted any more; the canvas keeps what it shows. */
  drop(): void {
    clearTimeout(this.retry);
    this.wish = null;
    this.drawn = null;
  }

  source(stream: StreamName): ExactFrames | undefined {
    const proxy = this.proxies.get(stream);
    if (!proxy || !canDecode()) return undefined;
    let found = this.sources.get(stream);
    if (!found) {
      found = new ExactFrames(proxy, proxy.frame_times_ns);
      this.sources.set(stream, found);
    }
    return found;
  }

  private next(): void {
    const wish = this.wish;
    if (!wish || this.busy || !this.canvas) return;
    if (this.drawn?.stream === wish.stream && this.drawn.frame === wish.frame) return;
    const source = this.source(wish.stream);
    if (!source) return;
    clearTimeout(this.retry);
    this.busy = true;
    source
      .get(wish.frame)
      .then((picture) => this.draw(wish, picture, source))
      .catch((fault: unknown) => this.failed(wish, fault))
      .finally(() => {
        this.busy = false;
        if (this.wish !== wish) this.next();
      });
  }

  private draw(wish: Wish, picture: VideoFrame, source: ExactFrames): void {
    const canvas = this.canvas;
    // A picture that nobody wants any more is drawn all the same while one is wanted: dragging shows what it passes.
    if (!canvas || this.wish?.stream !== wish.stream) return;
    if (canvas.width !== picture.displayWidth || canvas.height !== picture.displayHeight) {
      canvas.width = picture.displayWidth;
      canvas.height = picture.displayHeight;
    }
    canvas.getContext("2d", { alpha: false })?.drawImage(picture, 0, 0);
    const before = this.drawn?.frame ?? wish.frame;
    this.drawn = wish;
    this.news.drawn(wish.stream, picture.timestamp);
    const direction = wish.frame < before ? -1 : 1;
    const stepped = Math.abs(wish.frame - before) === 1;
    const ahead = stepped
      ? source.ahead(wish.frame, direction, Number.POSITIVE_INFINITY, STEPPING_AHEAD)
      : source.ahead(wish.frame, direction, EDGE_FRAMES, 1);
    ahead.catch(() => undefined);
  }

  private failed(wish: Wish, fault: unknown): void {
    if (this.wish?.stream !== wish.stream) return;
    if (fault instanceof Away) {
      this.news.away(wish.stream);
      this.retry = setTimeout(() => this.next(), RETRY_MS);
      return;
    }
    this.unable.add(wish.stream);
    this.news.unable(wish.stream);
  }
}
