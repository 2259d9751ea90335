/** The keys of annotation. They come before those of the page while it is on; form fields and dialogs keep theirs. */
import { useEffect, useRef } from "react";
import { isTyping } from "../keyboard";

export type AnnotationDeed =
  | { deed: "digit"; digit: number }
  | {
      deed:
        | "onset"
        | "offset"
        | "next"
        | "previous"
        | "side"
        | "part"
        | "confidence"
        | "remove"
        | "undo"
        | "redo"
        | "leave";
    }
  | { deed: "nudge"; edge: "start_ns" | "end_ns"; frames: 1 | -1 };

type Press = Pick<KeyboardEvent, "key" | "code" | "altKey" | "ctrlKey" | "metaKey" | "shiftKey">;

const PLAIN: Record<string, AnnotationDeed> = {
  i: { deed: "onset" },
  x: { deed: "offset" },
  t: { deed: "next" },
  T: { deed: "previous" },
  h: { deed: "side" },
  g: { deed: "part" },
  q: { deed: "confidence" },
  Delete: { deed: "remove" },
  Backspace: { deed: "remove" },
  a: { deed: "leave" },
  Escape: { deed: "leave" },
};

/** What a press means while annotating; null: it stays with the page. */
export function annotationDeed(press: Press): AnnotationDeed | null {
  if (press.ctrlKey || press.metaKey) {
    const key = press.key.toLowerCase();
    if (key === "y" || (key === "z" && press.shiftKey)) return { deed: "redo" };
    return key === "z" ? { deed: "undo" } : null;
  }
  const arrow = press.key === "ArrowLeft" ? -1 : press.key === "ArrowRight" ? 1 : 0;
  if (press.altKey)
    return arrow ? { deed: "nudge", edge: press.shiftKey ? "end_ns" : "start_ns", frames: arrow } : null;
  if (/^[0-9]$/.test(press.key)) return { deed: "digit", digit: Number(press.key) };
  return PLAIN[press.key] ?? null;
}

export function useAnnotationKeys(
  on: boolean,
  enter: () => void,
  act: (deed: AnnotationDeed, held: boolean) => void,
): void {
  const latest = useRef({ on, enter, act });
  useEffect(() => {
    latest.current = { on, enter, act };
  });
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      const target = event.target instanceof HTMLElement ? event.target : null;
      if (event.defaultPrevented || isTyping(target) || document.querySelector("dialog[open]")) return;
      const { on: active, enter: begin, act: does } = latest.current;
      const deed = active ? annotationDeed(event) : null;
      const begins = !active && event.key === "a" && !event.ctrlKey && !event.altKey && !event.metaKey;
      if (!deed && !begins) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      if (event.repeat && deed?.deed !== "nudge") return;
      if (deed) does(deed, event.repeat);
      else begin();
    };
    window.addEventListener("keydown", pressed, true);
    return () => window.removeEventListener("keydown", pressed, true);
  }, []);
}
