/** What the worklist page asks of the server, and the pure rules of nights and selections. */
import { useQuery } from "@tanstack/react-query";
import { desk, type ListFilter, type Nights, type SiteReadings, type Worklist } from "./api/desk";

const POLL_MS = 3_000;
const CALENDAR_POLL_MS = 15_000;
export const PAGE = 50;
export const NIGHTS_SHOWN = 14;
/** The server stops counting here. */
export const COUNT_LIMIT = 1_000;

export const ANYTHING: ListFilter = { state: "open", bed: "", motorType: "", night: "" };

export function useListPage(filter: ListFilter, after: string) {
  return useQuery<Worklist>({
    queryKey: ["worklist", "page", filter, after],
    queryFn: ({ signal }) => desk.page(filter, PAGE, after, signal),
    refetchInterval: POLL_MS,
    placeholderData: (before) => before,
  });
}

export function useNights(bed: string, now: Date) {
  const dates = lastNights(now, NIGHTS_SHOWN);
  const first = dates[0] ?? "";
  return useQuery<Nights>({
    queryKey: ["worklist", "nights", bed, first],
    queryFn: ({ signal }) => {
      const [year = 1970, month = 1, day = 1] = first.split("-").map(Number);
      const since = new Date(year, month - 1, day, 12);
      const until = new Date(year, month - 1, day + NIGHTS_SHOWN, 12);
      return desk.nights(since, until, Intl.DateTimeFormat().resolvedOptions().timeZone, bed, signal);
    },
    refetchInterval: CALENDAR_POLL_MS,
    placeholderData: (before) => before,
  });
}

export function useViews() {
  return useQuery({ queryKey: ["views"], queryFn: ({ signal }) => desk.views(signal), staleTime: 60_000 });
}

/** Which of one's sites read blind; it seldom changes. */
export function useReading(allowed = true) {
  return useQuery<SiteReadings>({
    queryKey: ["reading"],
    queryFn: ({ signal }) => desk.reading(signal),
    staleTime: 60_000,
    enabled: allowed,
  });
}

/** The dates on which the last nights began, the oldest first; before noon the newest began yesterday. */
export function lastNights(now: Date, count: number): string[] {
  const newest = now.getDate() - (now.getHours() < 12 ? 1 : 0);
  return Array.from({ length: count }, (_, index) =>
    dateText(new Date(now.getFullYear(), now.getMonth(), newest - (count - 1 - index), 12)),
  );
}

function dateText(day: Date): string {
  const two = (n: number) => String(n).padStart(2, "0");
  return `${day.getFullYear()}-${two(day.getMonth() + 1)}-${two(day.getDate())}`;
}

/** `1000+` where counting stopped. */
export function countText(count: number): string {
  return count >= COUNT_LIMIT ? `${COUNT_LIMIT}+` : String(count);
}

/** One event taken into a selection or out of it. */
export function toggled(chosen: ReadonlySet<string>, id: string): ReadonlySet<string> {
  const next = new Set(chosen);
  if (!next.delete(id)) next.add(id);
  return next;
}
