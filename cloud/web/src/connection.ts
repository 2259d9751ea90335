/** Whether the server answers. In: the outcome of every poll. Out: null while it does, else since when not and why. */
import { useSyncExternalStore } from "react";
import { isGateway, Problem } from "./api/client";

export interface Outage {
  since: Date;
  everConnected: boolean;
  /** The server's own sentence when it answers but is in trouble; null when nothing answers. */
  detail: string | null;
}

let outage: Outage | null = null;
let lastAnswer: Date | null = null;
const listeners = new Set<() => void>();

function change(next: Outage | null): void {
  outage = next;
  for (const listener of listeners) listener();
}

/** The server answered: the data on the screen is fresh. */
export function answered(): void {
  lastAnswer = new Date();
  if (outage) change(null);
}

/** A call failed. An answer below 500 means that the server is there; a gateway's 502-504 means that it is not. */
export function failed(error: unknown): void {
  if (error instanceof Problem && error.status < 500) {
    answered();
    return;
  }
  const detail = error instanceof Problem && !isGateway(error) ? error.detail : null;
  if (outage && outage.detail === detail) return;
  change({ since: outage?.since ?? lastAnswer ?? new Date(), everConnected: lastAnswer !== null, detail });
}

export function useOutage(): Outage | null {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => outage,
  );
}
