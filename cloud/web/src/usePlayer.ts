/** Gives a page its player and the state to render. A new player is made only when the set of proxies changes. */
import { useEffect, useMemo, useSyncExternalStore } from "react";
import type { EventDetail } from "./api/types";
import { Player, type PlayerState } from "./player";

export function usePlayer(event: EventDetail): Player {
  const made = event.proxies.map((proxy) => proxy.url).join(" ");
  // biome-ignore lint/correctness/useExhaustiveDependencies: each poll brings a new array of the same proxies; the urls tell them apart.
  const player = useMemo(
    () => new Player(event.proxies, event.clip_duration_ns, event.event_start_ns),
    [made, event.clip_duration_ns, event.event_start_ns],
  );
  useEffect(() => () => player.pause(), [player]);
  return player;
}

/** One part of the state: what it does not hold can change without a rendering. `pick` gives what is equal by identity. */
export function usePlayerPart<Part>(player: Player, pick: (state: PlayerState) => Part): Part {
  return useSyncExternalStore(player.subscribe, () => pick(player.snapshot()));
}

/** Whether a frame was seen yet: until then the stream on the screen has the line and the machine to itself. */
export function useBegun(player: Player): boolean {
  return useSyncExternalStore(player.subscribe, () => player.begun);
}

export function usePlayerState(player: Player): PlayerState {
  return useSyncExternalStore(player.subscribe, player.snapshot);
}
