/** The player's keys on the review page. In: player, event, what the timeline's zoom keys do. */
import type { EventDetail } from "./api/types";
import { NS_PER_S } from "./frames";
import type { Player } from "./player";
import { nextRise } from "./timeline";
import { useKeys } from "./useKeys";
import type { Zoom } from "./useZoom";

/** The next moment at which the detector's score rises over the threshold; where it was over it all along, nothing. */
export function toNextCandidate(player: Player, event: EventDetail): void {
  const found = nextRise(event.scores, event.threshold ?? 0.5, player.snapshot().timeNs);
  if (found !== undefined) player.seek(found);
}

export function usePlayerKeys(player: Player, event: EventDetail, zoom: Zoom): void {
  useKeys("review", {
    play: () => player.toggle(),
    reverse: () => player.reverse(),
    frameBack: () => player.step(-1),
    frameOn: () => player.step(1),
    secondBack: () => player.jump(-NS_PER_S),
    secondOn: () => player.jump(NS_PER_S),
    tenBack: () => player.jump(-10 * NS_PER_S),
    tenOn: () => player.jump(10 * NS_PER_S),
    onset: () => player.seek(event.event_start_ns),
    clipStart: () => player.seek(0),
    clipEnd: () => player.seek(event.clip_duration_ns),
    candidate: () => toNextCandidate(player, event),
    slower: () => player.faster(-1),
    faster: () => player.faster(1),
    loopFrom: () => player.loopEdge("from"),
    loopTo: () => player.loopEdge("to"),
    loopOff: () => player.noLoop(),
    ir: () => player.show("ir"),
    depth: () => player.show("depth"),
    colour: () => player.show("colour"),
    space: () => player.show("space"),
    zoomIn: () => zoom.by(0.5, player.snapshot().timeNs),
    zoomOut: () => zoom.by(2, player.snapshot().timeNs),
    zoomAll: () => zoom.all(),
  });
}
