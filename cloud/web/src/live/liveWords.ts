/** The words of the live view; the others are in words.ts. */
import type { ViewCause } from "./liveApi";

interface Sentence {
  title: string;
  text: string;
}

/** Why nobody sees anything, and what to do about it. */
const causes: Record<ViewCause, Sentence> = {
  privacy: {
    title: "Privacy is on at this bed",
    text: "Somebody at the bed turned the privacy switch on. Nobody can watch until it is turned off there.",
  },
  paused: {
    title: "Recording is paused for privacy",
    text: "While recording is paused nobody can watch the bed. It can be resumed on the bed's card.",
  },
  full: {
    title: "Too many people watch this bed",
    text: "As many people watch as the bed allows. Try again when one of them has left.",
  },
  not_set_up: {
    title: "Live view is not set up at this bed",
    text: "The bed's settings name no network from which it may be watched, or its box is not on that network.",
  },
  no_stream: { title: "The bed has no such picture", text: "Its camera does not give it. Choose another picture." },
  bad_offer: {
    title: "This browser and the bed do not fit together",
    text: "The bed could not answer this browser. A current browser with H.264 is needed.",
  },
  expired: {
    title: "The bed's clock is wrong",
    text: "By its clock the question came too late. Its clock must be set before anybody can watch.",
  },
  left: { title: "You left", text: "The view is over." },
  hung_up: {
    title: "The view was ended",
    text: "The page was away for a while, or the session was over. You can join again.",
  },
  line_lost: { title: "The line to the bed broke", text: "The bed could not reach this computer any more." },
  never_joined: {
    title: "The picture does not reach this computer",
    text: "The bed answered, but no picture came through. This computer must be on a network that leads to the bed.",
  },
  time_over: { title: "An hour is over", text: "A view lasts an hour. Join again if you still need it." },
  stopped: {
    title: "The live view was restarted",
    text: "The bed's live view was restarted. It records all the same.",
  },
  bed_gone: { title: "The bed cannot be reached", text: "It is offline or does not answer. It records by itself." },
};

export const liveWords = {
  watch: "Watch live",
  watchOff: {
    offline: "The bed is offline.",
    private: "The privacy switch at the bed is on.",
    paused: "Recording is paused for privacy.",
    notSetUp: "Live view is not set up at this bed.",
  },
  title: (bed: string) => `Live: ${bed}`,
  watching: (names: string) => `Watched by ${names}`,
  privacy: "Privacy switch on: nobody can watch",
  streams: "Picture",
  joining: (bed: string) => `Joining ${bed}…`,
  joiningMore: "The bed is asked; this takes a second or two.",
  live: "Live",
  age: (seconds: string) => `${seconds} s old`,
  still: (seconds: number) => `The picture stands still since ${seconds} s`,
  stillMore: "The bed, its camera or the network stopped. The last picture is shown.",
  at: "Taken",
  bedClock: "By the bed's clock, in this computer's time zone",
  viewers: "Watching now",
  you: (name: string) => `${name} (you)`,
  audited: "Who watches is shown here and at the bed, and written down.",
  end: "End",
  close: "Close",
  again: "Try again",
  picture: (stream: string, bed: string) => `${stream} picture of ${bed}, live`,
  cause: (cause: ViewCause): Sentence => causes[cause],
  silent: {
    title: "The camera gives no picture",
    text: "The bed is there and answers, its camera does not. The bed's card says what it knows of it.",
  },
  unreachable: { title: "The server cannot be reached", text: "This computer lost its connection. Try again." },
  signedOut: { title: "Your session is over", text: "Please sign in again to watch." },
  refused: "You cannot watch this bed",
  gone: (clock: string): Sentence => ({
    title: "The bed is gone",
    text: `No picture came since ${clock}. The bed, its power or the network may be off. What it recorded is kept there.`,
  }),
};
