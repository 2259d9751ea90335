/** What is not saved yet, kept in this browser until the server has it: a lost connection or a closed tab loses nothing. */
import type { Annotation } from "../api/desk";

/** `base` is the version that the server was last known to hold, whole, so that a merge is possible later. */
export interface Kept {
  annotation: Annotation;
  base: Annotation;
  version: number;
  keptAt: string;
}

type Store = Pick<Storage, "getItem" | "setItem" | "removeItem">;

const keyOf = (account: string, eventId: string) => `deepepil-annotation:${account}:${eventId}`;

/** Says false when this browser cannot keep it: it is full, or keeping is forbidden. */
export function keep(store: Store, account: string, eventId: string, kept: Kept): boolean {
  try {
    store.setItem(keyOf(account, eventId), JSON.stringify(kept));
    return true;
  } catch {
    return false;
  }
}

export function forget(store: Store, account: string, eventId: string): void {
  try {
    store.removeItem(keyOf(account, eventId));
  } catch {
    // nothing was kept there either
  }
}

export function kept(store: Store, account: string, eventId: string): Kept | null {
  try {
    const found: unknown = JSON.parse(store.getItem(keyOf(account, eventId)) ?? "null");
    return isKept(found) ? found : null;
  } catch {
    return null;
  }
}

function isKept(found: unknown): found is Kept {
  return typeof found === "object" && found !== null && "annotation" in found && "base" in found && "version" in found;
}
