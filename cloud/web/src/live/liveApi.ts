/** What the live view asks of the server; client.ts does the talking. */
import { ask } from "../api/client";
import type { components } from "../api/schema";
import type { Bed } from "../api/types";

type Schemas = components["schemas"];
export type LiveStanding = Schemas["LiveStanding"];
export type ViewStanding = Schemas["ViewStanding"];
export type ViewCause = NonNullable<ViewStanding["cause"]>;
export type LiveStream = Schemas["ViewAsked"]["stream"];
export type Place = Pick<Bed, "site" | "bed">;

const bedPath = (place: Place) => `/beds/${encodeURIComponent(place.site)}/${encodeURIComponent(place.bed)}/live`;
const viewPath = (viewId: string) => `/live/${encodeURIComponent(viewId)}`;

export const liveApi = {
  standing: (place: Place, signal: AbortSignal) => ask<LiveStanding>("GET", bedPath(place), undefined, signal),
  watch: (place: Place, stream: LiveStream, sdp: string, signal: AbortSignal) =>
    ask<ViewStanding>("POST", bedPath(place), { stream, sdp }, signal),
  view: (viewId: string, signal: AbortSignal) => ask<ViewStanding>("GET", viewPath(viewId), undefined, signal),
  /** Goes out even while the page is being closed. */
  leave: (viewId: string) =>
    fetch(`/api/v1${viewPath(viewId)}`, { method: "DELETE", credentials: "same-origin", keepalive: true }).then(
      () => undefined,
      () => undefined,
    ),
};
