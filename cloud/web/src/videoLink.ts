/**
 * Wires one <video> element. In: the element and the capture times of its frames. Out: which frame it presents, when it is
 * ready, ended or in trouble. A file that fails is loaded again a few times, then given up.
 */
import { frameAt, frameOfMedia, NS_PER_S } from "./frames";

const TRIES = 3;
const RETRY_MS = 3_000;

export type Trouble = "none" | "retrying" | "given_up";

export interface VideoNews {
  ready: () => void;
  ended: () => void;
  frame: (frame: number) => void;
  trouble: (trouble: Trouble) => void;
}

/** Starts listening; returns the end of it. */
export function linkVideo(video: HTMLVideoElement, times: readonly number[], news: VideoNews): () => void {
  let failures = 0;
  let retry: ReturnType<typeof setTimeout> | undefined;
  const failed = () => {
    failures += 1;
    news.trouble(failures > TRIES ? "given_up" : "retrying");
    if (failures <= TRIES) retry = setTimeout(() => video.load(), RETRY_MS);
  };
  const ready = () => {
    news.trouble("none");
    news.ready();
  };
  const stopFrames = watchFrames(video, times, news.frame);
  video.addEventListener("ended", news.ended);
  video.addEventListener("error", failed);
  video.addEventListener("loadedmetadata", ready);
  if (video.readyState >= 1) ready();
  return () => {
    clearTimeout(retry);
    stopFrames();
    video.removeEventListener("ended", news.ended);
    video.removeEventListener("error", failed);
    video.removeEventListener("loadedmetadata", ready);
  };
}

/** Tells each presented frame; a browser that cannot say so is asked for its time after each seek and while it plays. */
function watchFrames(video: HTMLVideoElement, times: readonly number[], tell: (frame: number) => void): () => void {
  if (!("requestVideoFrameCallback" in video)) return pollFrames(video, times, tell);
  let call = 0;
  const presented: VideoFrameRequestCallback = (_now, metadata) => {
    tell(frameOfMedia(times, metadata.mediaTime));
    call = video.requestVideoFrameCallback(presented);
  };
  call = video.requestVideoFrameCallback(presented);
  return () => video.cancelVideoFrameCallback(call);
}

function pollFrames(video: HTMLVideoElement, times: readonly number[], tell: (frame: number) => void): () => void {
  const moved = () => tell(frameAt(times, (times[0] ?? 0) + video.currentTime * NS_PER_S));
  video.addEventListener("seeked", moved);
  video.addEventListener("timeupdate", moved);
  return () => {
    video.removeEventListener("seeked", moved);
    video.removeEventListener("timeupdate", moved);
  };
}
