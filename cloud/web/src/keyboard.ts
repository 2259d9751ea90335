/** The keys of every page in one table: it drives the handlers and the help. Pure: a key press and a scope give a deed. */
export type Scope = "everywhere" | "worklist" | "review";

export interface Binding {
  deed: string;
  keys: readonly string[];
  text: string;
}

/** Keys are `KeyboardEvent.key` values, so they follow the user's layout; `Shift+` is named for keys that have no capital. */
export const KEYS = {
  everywhere: [
    { deed: "help", keys: ["?"], text: "Show the keys" },
    { deed: "worklist", keys: ["w"], text: "Go to the worklist" },
    { deed: "beds", keys: ["b"], text: "Go to the beds" },
    { deed: "undo", keys: ["z"], text: "Undo the last verdict" },
  ],
  worklist: [
    { deed: "down", keys: ["j", "ArrowDown"], text: "Next event" },
    { deed: "up", keys: ["k", "ArrowUp"], text: "Event before" },
    { deed: "open", keys: ["Enter"], text: "Review the event" },
    { deed: "showOpen", keys: ["1"], text: "Show open events" },
    { deed: "showReviewed", keys: ["2"], text: "Show reviewed events" },
    { deed: "showAll", keys: ["3"], text: "Show all events" },
  ],
  review: [
    { deed: "confirm", keys: ["c"], text: "Confirm, then the next event" },
    { deed: "reject", keys: ["r"], text: "Reject, then the next event" },
    { deed: "unsure", keys: ["u"], text: "Unsure, then the next event" },
    { deed: "next", keys: ["n"], text: "Next event without a verdict" },
    { deed: "play", keys: [" "], text: "Play or pause" },
    { deed: "frameBack", keys: [","], text: "One frame back" },
    { deed: "frameOn", keys: ["."], text: "One frame on" },
    { deed: "secondBack", keys: ["ArrowLeft"], text: "1 second back" },
    { deed: "secondOn", keys: ["ArrowRight"], text: "1 second on" },
    { deed: "tenBack", keys: ["Shift+ArrowLeft"], text: "10 seconds back" },
    { deed: "tenOn", keys: ["Shift+ArrowRight"], text: "10 seconds on" },
    { deed: "onset", keys: ["o"], text: "To the onset" },
    { deed: "clipStart", keys: ["Home"], text: "To the start of the clip" },
    { deed: "clipEnd", keys: ["End"], text: "To the end of the clip" },
    { deed: "slower", keys: ["s"], text: "Slower" },
    { deed: "faster", keys: ["f"], text: "Faster" },
    { deed: "ir", keys: ["1"], text: "Infrared" },
    { deed: "depth", keys: ["2"], text: "Depth" },
    { deed: "colour", keys: ["3"], text: "Colour" },
    { deed: "worklist", keys: ["Escape"], text: "Back to the worklist" },
  ],
} as const satisfies Record<Scope, readonly Binding[]>;

export type Deed = (typeof KEYS)[Scope][number]["deed"];

export interface KeyPress {
  key: string;
  shiftKey: boolean;
  ctrlKey: boolean;
  altKey: boolean;
  metaKey: boolean;
}

/** What a key press means in a scope; the scope's own keys come before those of everywhere. Null: not ours. */
export function deedOf(press: KeyPress, scope: Scope): Deed | null {
  if (press.ctrlKey || press.altKey || press.metaKey) return null;
  const bare = press.key.length === 1 ? press.key.toLowerCase() : press.key;
  const named = press.shiftKey && press.key.length > 1 ? `Shift+${press.key}` : bare;
  const scopes: Scope[] = scope === "everywhere" ? ["everywhere"] : [scope, "everywhere"];
  for (const one of scopes) {
    const found = KEYS[one].find((binding) => (binding.keys as readonly string[]).includes(named));
    if (found) return found.deed;
  }
  return null;
}

/** Deeds that a held key may repeat. A verdict is never among them: one press, one verdict. */
export const REPEATABLE: ReadonlySet<Deed> = new Set<Deed>([
  "down",
  "up",
  "frameBack",
  "frameOn",
  "secondBack",
  "secondOn",
  "tenBack",
  "tenOn",
]);

/** How a key is written on the screen. */
export function keyCap(key: string): string {
  const caps: Record<string, string> = {
    " ": "Space",
    ArrowLeft: "←",
    ArrowRight: "→",
    ArrowUp: "↑",
    ArrowDown: "↓",
    Escape: "Esc",
  };
  return key
    .split("+")
    .map((part) => caps[part] ?? part)
    .join(" ");
}

/** Whether a press belongs to a form field, so that letters typed there stay letters. */
export function isTyping(target: { tagName?: string; isContentEditable?: boolean } | null): boolean {
  return (
    target !== null &&
    (["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName ?? "") || target.isContentEditable === true)
  );
}
