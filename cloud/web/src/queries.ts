/** What each page asks of the server, how often, and what it keeps while the server is silent. */
import { QueryCache, QueryClient, useQuery } from "@tanstack/react-query";
import { api, Problem } from "./api/client";
import type { EventDetail, Person, WorklistState } from "./api/types";
import { answered, failed } from "./connection";

const POLL_MS = 3_000;
const SETTLED_POLL_MS = 15_000;

const SESSION = ["session"] as const;
const ABOUT = ["about"] as const;

export const client: QueryClient = new QueryClient({
  queryCache: new QueryCache({
    onSuccess: answered,
    onError: (error) => {
      failed(error);
      if (error instanceof Problem && error.status === 401) changePerson(null);
    },
  }),
  defaultOptions: { queries: { retry: false, networkMode: "always", refetchOnWindowFocus: true, staleTime: 1_000 } },
});

/** Somebody signed in or out: nothing that the person before could see is kept. */
export function changePerson(person: Person | null): void {
  client.setQueryData(SESSION, person);
  client.removeQueries({ predicate: (query) => query.queryKey[0] !== SESSION[0] && query.queryKey[0] !== ABOUT[0] });
}

/** The person signed in; null: nobody. Asked again only while it is unknown. */
export function useSession() {
  return useQuery<Person | null>({
    queryKey: SESSION,
    queryFn: async ({ signal }) => {
      try {
        return await api.whoAmI(signal);
      } catch (error) {
        if (error instanceof Problem && error.status === 401) return null;
        throw error;
      }
    },
    staleTime: Number.POSITIVE_INFINITY,
    refetchOnWindowFocus: false,
    refetchInterval: (query) => (query.state.data === undefined ? POLL_MS : false),
  });
}

export function useAbout() {
  return useQuery({
    queryKey: ABOUT,
    // not given up when the page around the footer changes, as it does after the session is known
    queryFn: () => api.about(),
    staleTime: Number.POSITIVE_INFINITY,
    refetchInterval: (query) => (query.state.data === undefined ? POLL_MS : false),
  });
}

export function useWorklist(state: WorklistState, bed: string, limit: number) {
  return useQuery({
    queryKey: ["worklist", state, bed, limit],
    queryFn: ({ signal }) => api.worklist(state, bed, limit, signal),
    refetchInterval: POLL_MS,
    placeholderData: (before) => before,
  });
}

/** An event is asked for often until its clip can be watched and is classified, then seldom. */
export function useEvent(eventId: string) {
  return useQuery({
    queryKey: ["event", eventId],
    queryFn: ({ signal }) => api.event(eventId, signal),
    refetchInterval: (query) => (isSettled(query.state.data) ? SETTLED_POLL_MS : POLL_MS),
    structuralSharing: true,
  });
}

function isSettled(event: EventDetail | undefined): boolean {
  const told = event?.suggestion !== null || event?.reading === "blind";
  return event !== undefined && event.phase === "closed" && event.proxies.length > 0 && told;
}

export function useBeds(allowed = true) {
  return useQuery({
    queryKey: ["beds"],
    queryFn: ({ signal }) => api.beds(signal),
    refetchInterval: POLL_MS,
    enabled: allowed,
  });
}

export function usePulls() {
  return useQuery({
    queryKey: ["pulls"],
    queryFn: ({ signal }) => api.pulls(signal),
    refetchInterval: POLL_MS,
  });
}

export function useStays() {
  return useQuery({
    queryKey: ["stays"],
    queryFn: ({ signal }) => api.stays(signal),
    refetchInterval: 10 * POLL_MS,
  });
}

export function useReferences(stayId: string) {
  return useQuery({
    queryKey: ["references", stayId],
    queryFn: ({ signal }) => api.references(stayId, signal),
    refetchInterval: 2 * POLL_MS,
    enabled: stayId !== "",
  });
}

export function useDifferences() {
  return useQuery({
    queryKey: ["differences"],
    queryFn: ({ signal }) => api.differences(signal),
    refetchInterval: 10 * POLL_MS,
  });
}

export function useDeadLetters() {
  return useQuery({
    queryKey: ["dead-letters"],
    queryFn: ({ signal }) => api.deadLetters(signal),
    refetchInterval: 10 * POLL_MS,
  });
}
