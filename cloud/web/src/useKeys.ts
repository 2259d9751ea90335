/** Listens to the keyboard for one page. In: a scope and what to do for each deed. Form fields and dialogs keep their keys. */
import { useEffect, useRef } from "react";
import { type Deed, deedOf, isTyping, REPEATABLE, type Scope } from "./keyboard";

export function useKeys(scope: Scope, handlers: Partial<Record<Deed, () => void>>): void {
  const latest = useRef(handlers);
  useEffect(() => {
    latest.current = handlers;
  });
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      const target = event.target instanceof HTMLElement ? event.target : null;
      if (event.defaultPrevented || isTyping(target) || document.querySelector("dialog[open]")) return;
      if (belongsToControl(event.key, target)) return;
      const deed = deedOf(event, scope);
      const handler = deed ? latest.current[deed] : undefined;
      if (!deed || !handler) return;
      event.preventDefault();
      if (!event.repeat || REPEATABLE.has(deed)) handler();
    };
    window.addEventListener("keydown", pressed);
    return () => window.removeEventListener("keydown", pressed);
  }, [scope]);
}

/** Enter and space work a link or button that was reached by keyboard; one that was only clicked gives them up. */
function belongsToControl(key: string, target: HTMLElement | null): boolean {
  if (key !== "Enter" && key !== " ") return false;
  return target?.closest("a, button, summary") != null && target.matches(":focus-visible");
}
