/** What the player asks of the server beside the event itself. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { api, Problem } from "./api/client";
import type { EventDetail, PullView, StreamName } from "./api/types";
import { fetchAhead } from "./mediaStore";
import { nextOpen } from "./next";

const POLL_MS = 3_000;
/** The clip on the screen has the line to itself for so long. */
const AHEAD_AFTER_MS = 1_500;
const AHEAD_OF = 10;

/** When each frame was taken; it never changes, so it is asked once. */
export function useFrameIndex(eventId: string, stream: StreamName, known: boolean) {
  return useQuery({
    queryKey: ["frames", eventId, stream],
    queryFn: ({ signal }) => api.frameIndex(eventId, stream, signal),
    staleTime: Number.POSITIVE_INFINITY,
    refetchInterval: (query) => (query.state.error && !(query.state.error instanceof Problem) ? POLL_MS : false),
    enabled: known,
  });
}

export function useLens(eventId: string) {
  return useQuery({
    queryKey: ["lens", eventId],
    queryFn: ({ signal }) => api.lens(eventId, signal),
    staleTime: Number.POSITIVE_INFINITY,
    refetchInterval: (query) => (query.state.data === undefined ? POLL_MS : false),
  });
}

/** A wish for a longer clip, until it has come or failed. */
export function usePull(pull: PullView | null) {
  return useQuery({
    queryKey: ["pulls", "one", pull?.pull_id],
    queryFn: ({ signal }) => api.pull(pull?.pull_id ?? "", signal),
    refetchInterval: (query) =>
      ["asked", "answered", "arriving"].includes(query.state.data?.standing ?? "asked") ? POLL_MS : false,
    enabled: pull !== null,
  });
}

/** Fetches the next open event and its videos while this one is watched, so that it begins at once. */
export function useAhead(event: EventDetail, begun: boolean): void {
  const client = useQueryClient();
  const watchable = event.proxies.length > 0 && begun;
  useEffect(() => {
    if (!watchable) return;
    const stop = new AbortController();
    const fetchNext = async () => {
      const open = await api.worklist("open", "", AHEAD_OF, stop.signal);
      const id = nextOpen(open.items, event.event_id, new Set());
      if (!id) return;
      const next = await client.fetchQuery({ queryKey: ["event", id], queryFn: () => api.event(id, stop.signal) });
      for (const proxy of next.proxies) await fetchAhead(proxy.url, stop.signal);
    };
    const timer = setTimeout(() => void fetchNext().catch(() => undefined), AHEAD_AFTER_MS);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [client, event.event_id, watchable]);
}
