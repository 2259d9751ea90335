/** Dark by default, because the room is dark; light by switch, remembered in this browser. */
import { useSyncExternalStore } from "react";

export type Theme = "dark" | "light";

const KEPT = "deepepil-theme";
const listeners = new Set<() => void>();

function current(): Theme {
  return document.documentElement.dataset.theme === "light" ? "light" : "dark";
}

export function setTheme(theme: Theme): void {
  document.documentElement.dataset.theme = theme;
  try {
    localStorage.setItem(KEPT, theme);
  } catch {
    // A browser that forbids storage keeps the choice until the page is closed.
  }
  for (const listener of listeners) listener();
}

/** Brings back the choice of the last visit. */
export function restoreTheme(): void {
  try {
    if (localStorage.getItem(KEPT) === "light") document.documentElement.dataset.theme = "light";
  } catch {
    // As above: the default stands.
  }
}

export function useTheme(): Theme {
  return useSyncExternalStore((listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, current);
}
