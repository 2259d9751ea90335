/** The keys of every page in one table: it drives the handlers and the help. Pure: a key press and a scope give a deed. */
export type Scope = "everywhere" | "worklist" | "review";

export interface Binding {
  deed: string;
  keys: readonly string[];
}

/** Keys are `KeyboardEvent.key` values, so they follow the user's layout; `Shift+` is named for keys that have no capital. */
export const KEYS = {
  everywhere: [
    { deed: "help", keys: ["?"] },
    { deed: "worklist", keys: ["w"] },
    { deed: "beds", keys: ["b"] },
    { deed: "pull", keys: ["p"] },
    { deed: "references", keys: ["e"] },
    { deed: "undo", keys: ["z"] },
  ],
  worklist: [
    { deed: "down", keys: ["j", "ArrowDown"] },
    { deed: "up", keys: ["k", "ArrowUp"] },
    { deed: "open", keys: ["Enter"] },
    { deed: "showOpen", keys: ["1"] },
    { deed: "showUnread", keys: ["2"] },
    { deed: "showReviewed", keys: ["3"] },
    { deed: "showAll", keys: ["4"] },
    { deed: "rejectChosen", keys: ["r"] },
    { deed: "choose", keys: ["x"] },
    { deed: "chooseNone", keys: ["Escape"] },
  ],
  review: [
    { deed: "confirm", keys: ["c"] },
    { deed: "reject", keys: ["r"] },
    { deed: "unsure", keys: ["u"] },
    { deed: "next", keys: ["n"] },
    { deed: "play", keys: [" "] },
    { deed: "reverse", keys: ["j"] },
    { deed: "frameBack", keys: [","] },
    { deed: "frameOn", keys: ["."] },
    { deed: "secondBack", keys: ["ArrowLeft"] },
    { deed: "secondOn", keys: ["ArrowRight"] },
    { deed: "tenBack", keys: ["Shift+ArrowLeft"] },
    { deed: "tenOn", keys: ["Shift+ArrowRight"] },
    { deed: "onset", keys: ["o"] },
    { deed: "clipStart", keys: ["Home"] },
    { deed: "clipEnd", keys: ["End"] },
    { deed: "candidate", keys: ["k"] },
    { deed: "slower", keys: ["s"] },
    { deed: "faster", keys: ["f"] },
    { deed: "loopFrom", keys: ["["] },
    { deed: "loopTo", keys: ["]"] },
    { deed: "loopOff", keys: ["\\"] },
    { deed: "ir", keys: ["1"] },
    { deed: "depth", keys: ["2"] },
    { deed: "colour", keys: ["3"] },
    { deed: "space", keys: ["4"] },
    { deed: "zoomIn", keys: ["+", "="] },
    { deed: "zoomOut", keys: ["-"] },
    { deed: "zoomAll", keys: ["0"] },
    { deed: "worklist", keys: ["Escape"] },
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
  "zoomIn",
  "zoomOut",
]);

/** How a key is written on the screen: its word or its sign. */
export function keyCap(key: string, caps: Readonly<Record<string, string>>): string {
  return key
    .split(/(?<=.)\+/)
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
