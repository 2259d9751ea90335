/** Which event comes next. In: the ranked open events, the one on the screen, those passed over. Out: an id, or null. */

interface Candidate {
  event_id: string;
  my_verdict: string | null;
  claim?: { mine: boolean; expired: boolean } | null;
}

/** The most urgent event without my verdict that nobody else works on and I have not passed over; else the first one passed. */
export function nextOpen(ranked: readonly Candidate[], currentId: string, passed: ReadonlySet<string>): string | null {
  const left = ranked.filter((item) => item.event_id !== currentId && item.my_verdict === null && !isTaken(item));
  const next = left.find((item) => !passed.has(item.event_id)) ?? left[0];
  return next?.event_id ?? null;
}

/** Whether somebody else holds the event now; a claim whose lease ran out holds nothing. */
function isTaken(item: Candidate): boolean {
  return item.claim != null && !item.claim.mine && !item.claim.expired;
}

/** Where a moved selection lands in a list of `count` rows; -1 in an empty list. */
export function moveSelection(at: number, by: number, count: number): number {
  if (count === 0) return -1;
  if (at < 0) return 0;
  return Math.max(0, Math.min(count - 1, at + by));
}
