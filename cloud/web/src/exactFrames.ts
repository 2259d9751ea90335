/**
 * Single frames of one video, decoded by WebCodecs. In: a frame number. Out: that very frame. Each chunk is given its frame's
 * number as its time stamp, so what comes out says itself which frame it is. The fragments around the last asked frame are kept.
 */
import { frameOfMedia, seekSecond } from "./frames";
import { spanOf } from "./mediaStore";
import { fragmentAt, HEAD_BYTES, type Head, headSize, readFragment, readHead } from "./mp4";

/** Whether this browser has what single frames need. */
export function canDecode(): boolean {
  return "VideoDecoder" in globalThis && "EncodedVideoChunk" in globalThis;
}

/** Pictures that are kept, by what they take: fragments around the playhead, some 30 pictures each; a few however large they are. */
const KEPT_BYTES = 96 * 1024 * 1024;
const KEPT_LEAST = 3;
const KEPT_MOST = 5;
/** A picture as the decoder gives it: one byte of light a pixel, half a byte of colour. */
const BYTES_A_PIXEL = 1.5;
const FRAMES_A_FRAGMENT = 30;

interface Decoded {
  first: number;
  count: number;
  frames: Map<number, VideoFrame>;
  /** Resolves when all are there; a frame may be there before. */
  done: Promise<void>;
  waiting: Map<number, { resolve: (frame: VideoFrame) => void; reject: (fault: unknown) => void }>;
}

export interface Video {
  url: string;
  codec: string;
  width: number;
  height: number;
}

export class ExactFrames {
  private head: Promise<Head> | undefined;
  private readonly kept = new Map<number, Promise<Decoded>>();
  private closed = false;
  /** How many fragments are kept. */
  private readonly most: number;

  constructor(
    private readonly video: Video,
    private readonly times: readonly number[],
  ) {
    const bytes = video.width * video.height * BYTES_A_PIXEL * FRAMES_A_FRAGMENT;
    this.most = Math.max(KEPT_LEAST, Math.min(KEPT_MOST, Math.floor(KEPT_BYTES / bytes)));
  }

  /** The frame, good until the next call; copy what must last. Throws Away, NotOurs or what the decoder says. */
  async get(frame: number): Promise<VideoFrame> {
    const place = await this.place(frame);
    const part = await this.decoded(place);
    const found = part.frames.get(frame);
    if (found) return found;
    if (frame < part.first || frame >= part.first + part.count)
      throw new Error(`frame ${frame} is not where its time says`);
    return new Promise((resolve, reject) => {
      part.waiting.set(frame, { resolve, reject });
      part.done
        .catch(() => undefined)
        .finally(() => {
          const late = part.frames.get(frame);
          if (late) resolve(late);
          else reject(new Error(`frame ${frame} did not come out of the decoder`));
        });
    });
  }

  /** So near the edge of its fragment, begins to decode those behind it in that direction: stepping over the edge is as quick then. */
  async ahead(frame: number, direction: 1 | -1, near: number, fragments: number): Promise<void> {
    const place = await this.place(frame);
    const { first, count } = await this.decoded(place);
    const left = direction > 0 ? first + count - 1 - frame : frame - first;
    if (left > near) return;
    const there = (await this.opened()).fragments.length;
    for (let next = place + direction, k = 0; k < fragments && next >= 0 && next < there; next += direction, k++)
      await this.decoded(next);
  }

  /** The first frame of the fragment that holds this one: decoding it alone is cheap. */
  async keyOf(frame: number): Promise<{ frame: number; picture: VideoFrame }> {
    const head = await this.opened();
    const place = await this.place(frame);
    const { first, chunks } = await this.chunks(head, place);
    const key = chunks[0];
    if (!key) throw new Error("an empty fragment");
    const picture = await new Promise<VideoFrame>((resolve, reject) => {
      const decoder = this.decoder(head, resolve, reject);
      decoder.decode(key);
      decoder.flush().then(() => decoder.close(), reject);
    });
    return { frame: first, picture };
  }

  close(): void {
    this.closed = true;
    for (const place of [...this.kept.keys()]) this.drop(place);
  }

  private opened(): Promise<Head> {
    this.head ??= this.readHead().catch((fault: unknown) => {
      this.head = undefined;
      throw fault;
    });
    return this.head;
  }

  private async readHead(): Promise<Head> {
    let bytes = await spanOf(this.video.url, 0, HEAD_BYTES);
    let size = headSize(bytes);
    for (let wanted = 16 * HEAD_BYTES; size === undefined && wanted <= 256 * HEAD_BYTES; wanted *= 16) {
      bytes = await spanOf(this.video.url, 0, wanted);
      size = headSize(bytes);
    }
    if (size !== undefined && size > bytes.length) bytes = await spanOf(this.video.url, 0, size);
    return readHead(bytes);
  }

  private async place(frame: number): Promise<number> {
    const { fragments } = await this.opened();
    return fragmentAt(fragments, seekSecond(this.times, frame));
  }

  private decoded(place: number): Promise<Decoded> {
    let part = this.kept.get(place);
    this.kept.delete(place);
    part ??= this.decode(place);
    this.kept.set(place, part);
    part.catch(() => this.kept.delete(place));
    for (const oldest of this.kept.keys()) {
      if (this.kept.size <= this.most) break;
      this.drop(oldest);
    }
    return part;
  }

  private drop(place: number): void {
    const part = this.kept.get(place);
    this.kept.delete(place);
    const close = ({ frames }: Decoded) => {
      for (const frame of frames.values()) frame.close();
      frames.clear();
    };
    part?.then(
      (found) =>
        found.done.then(
          () => close(found),
          () => close(found),
        ),
      () => undefined,
    );
  }

  private async decode(place: number): Promise<Decoded> {
    const head = await this.opened();
    const { first, chunks } = await this.chunks(head, place);
    const part: Decoded = {
      first,
      count: chunks.length,
      frames: new Map(),
      done: Promise.resolve(),
      waiting: new Map(),
    };
    part.done = new Promise((resolve, reject) => {
      const decoder = this.decoder(
        head,
        (frame) => {
          part.frames.set(frame.timestamp, frame);
          part.waiting.get(frame.timestamp)?.resolve(frame);
        },
        reject,
      );
      for (const chunk of chunks) decoder.decode(chunk);
      decoder.flush().then(() => {
        decoder.close();
        resolve();
      }, reject);
    });
    part.done.catch(() => this.kept.delete(place));
    return part;
  }

  private decoder(head: Head, output: (frame: VideoFrame) => void, error: (fault: unknown) => void): VideoDecoder {
    if (this.closed) throw new Error("closed");
    const decoder = new VideoDecoder({ output, error });
    decoder.configure({
      codec: this.video.codec,
      description: head.description,
      codedWidth: this.video.width,
      codedHeight: this.video.height,
      optimizeForLatency: true,
      hardwareAcceleration: "prefer-software",
    });
    return decoder;
  }

  private async chunks(head: Head, place: number): Promise<{ first: number; chunks: EncodedVideoChunk[] }> {
    const fragment = head.fragments[place];
    if (!fragment) throw new Error("no such fragment");
    const bytes = await spanOf(this.video.url, fragment.start, fragment.start + fragment.size);
    const samples = readFragment(bytes, head.timescale);
    const first = frameOfMedia(this.times, samples[0]?.second ?? fragment.second);
    const chunks = samples.map(
      ({ key, data }, k) => new EncodedVideoChunk({ type: key ? "key" : "delta", timestamp: first + k, data }),
    );
    return { first, chunks };
  }
}
