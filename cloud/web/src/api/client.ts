/** The only file that talks to the server: JSON in and out, same origin, cookie session. Raises Problem or Unreachable. */
import { words } from "../words";
import type {
  About,
  AskedView,
  Bed,
  Beds,
  DeadLetters,
  Differences,
  EventDetail,
  FrameIndex,
  ImportRequest,
  LensView,
  Person,
  Problem as ProblemBody,
  PullAsked,
  PullList,
  PullView,
  ReferencesView,
  ReviewAnswer,
  ReviewRequest,
  StayList,
  StayView,
  StreamName,
  Worklist,
  WorklistState,
} from "./types";

const ROOT = "/api/v1";
const PATIENCE_MS = 10_000;

/** The server answered, and said no: `detail` is its sentence for people, `body` the whole problem document. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly detail: string,
    readonly body: Partial<ProblemBody>,
  ) {
    super(detail);
  }
}

/** No answer came in time. */
export class Unreachable extends Error {}

/** After this long without a key or a pointer, a request is the page's own and does not keep the session alive. */
const IDLE_MS = 60_000;
let touchedMs = Date.now();
for (const deed of ["keydown", "pointerdown"]) {
  globalThis.addEventListener?.(deed, () => {
    touchedMs = Date.now();
  });
}

function headersOf(body: unknown): Record<string, string> {
  const headers: Record<string, string> = {};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (Date.now() - touchedMs > IDLE_MS) headers["X-DeepEpil-Background"] = "1";
  return headers;
}

export async function ask<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const patience = AbortSignal.timeout(PATIENCE_MS);
  const request: RequestInit = {
    method,
    credentials: "same-origin",
    signal: signal ? AbortSignal.any([signal, patience]) : patience,
    headers: headersOf(body),
  };
  if (body !== undefined) request.body = JSON.stringify(body);
  let answer: Response;
  let text: string;
  try {
    answer = await fetch(ROOT + path, request);
    text = await answer.text();
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Unreachable(path);
  }
  if (answer.ok) return (text ? JSON.parse(text) : undefined) as T;
  throw problemOf(answer.status, text);
}

/** Reads problem+json; a proxy's HTML or an empty body becomes a plain sentence. */
function problemOf(status: number, text: string): Problem {
  let body: Partial<ProblemBody> = {};
  try {
    const found: unknown = JSON.parse(text);
    if (typeof found === "object" && found !== null) body = found as Partial<ProblemBody>;
  } catch {
    body = {};
  }
  return new Problem(status, body.detail || body.title || words.connection.answered(status), body);
}

/** One sentence for people about any failed call. A gateway's answer means that nobody was reached. */
export function sentenceOf(error: unknown): string {
  if (!(error instanceof Problem) || isGateway(error)) return words.connection.none;
  return error.detail;
}

export function isGateway(problem: Problem): boolean {
  return [502, 503, 504].includes(problem.status);
}

const bedPath = (bed: Pick<Bed, "site" | "bed">) =>
  `/beds/${encodeURIComponent(bed.site)}/${encodeURIComponent(bed.bed)}`;

const referencesPath = (stayId: string) => `/stays/${encodeURIComponent(stayId)}/references`;

export const api = {
  signIn: (account: string, password: string, code: string) =>
    ask<Person>("POST", "/session", { account, password, code }),
  whoAmI: (signal?: AbortSignal) => ask<Person>("GET", "/session", undefined, signal),
  signOut: () => ask<void>("DELETE", "/session"),
  about: (signal?: AbortSignal) => ask<About>("GET", "/about", undefined, signal),
  worklist: (state: WorklistState, bed: string, limit: number, signal?: AbortSignal) => {
    const query = new URLSearchParams({ state, limit: String(limit), offset: "0" });
    if (bed) query.set("bed", bed);
    return ask<Worklist>("GET", `/worklist?${query}`, undefined, signal);
  },
  event: (eventId: string, signal?: AbortSignal) =>
    ask<EventDetail>("GET", `/events/${encodeURIComponent(eventId)}`, undefined, signal),
  review: (eventId: string, request: ReviewRequest) =>
    ask<ReviewAnswer>("PUT", `/events/${encodeURIComponent(eventId)}/review`, request),
  beds: (signal?: AbortSignal) => ask<Beds>("GET", "/beds", undefined, signal),
  admit: (bed: Bed, code: string | null) => ask<StayView>("POST", `${bedPath(bed)}/stay`, { patient_code: code }),
  discharge: (bed: Bed) => ask<void>("DELETE", `${bedPath(bed)}/stay`),
  transfer: (bed: Bed, toBed: string) => ask<StayView>("POST", `${bedPath(bed)}/stay/transfer`, { to_bed: toBed }),
  pause: (bed: Bed, paused: boolean) => ask<Bed>("PUT", `${bedPath(bed)}/pause`, { paused }),
  frameIndex: (eventId: string, stream: StreamName, signal?: AbortSignal) =>
    ask<FrameIndex>("GET", `/events/${encodeURIComponent(eventId)}/frames/${stream}`, undefined, signal),
  lens: (eventId: string, signal?: AbortSignal) =>
    ask<LensView>("GET", `/events/${encodeURIComponent(eventId)}/lens`, undefined, signal),
  pull: (pullId: string, signal?: AbortSignal) =>
    ask<PullView>("GET", `/pulls/${encodeURIComponent(pullId)}`, undefined, signal),
  pulls: (signal?: AbortSignal) => ask<PullList>("GET", "/pulls?limit=100", undefined, signal),
  askPull: (span: PullAsked) => ask<PullView>("POST", "/pulls", span),
  mark: (bed: Pick<Bed, "site" | "bed">) => ask<PullView>("POST", `${bedPath(bed)}/mark`),
  stays: (signal?: AbortSignal) => ask<StayList>("GET", "/stays", undefined, signal),
  references: (stayId: string, signal?: AbortSignal) =>
    ask<ReferencesView>("GET", referencesPath(stayId), undefined, signal),
  importReferences: (stayId: string, file: ImportRequest) => ask<ReferencesView>("POST", referencesPath(stayId), file),
  removeReferences: (stayId: string, listId: string) =>
    ask<void>("DELETE", `${referencesPath(stayId)}/${encodeURIComponent(listId)}`),
  pullMissed: (stayId: string) => ask<AskedView>("POST", `${referencesPath(stayId)}/pull`),
  differences: (signal?: AbortSignal) => ask<Differences>("GET", "/differences", undefined, signal),
  deadLetters: (signal?: AbortSignal) => ask<DeadLetters>("GET", "/dead-letters", undefined, signal),
};
