/** Says that the server does not answer, since when, and offers to try at once. */
import { useQueryClient } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { useOutage } from "../connection";
import { clockText } from "../times";
import { words } from "../words";

export function ConnectionBanner(): ReactNode {
  const outage = useOutage();
  const client = useQueryClient();
  if (!outage) return null;
  const text = outage.detail
    ? words.connection.problem(outage.detail)
    : outage.everConnected
      ? words.connection.lost(clockText(outage.since, new Date()))
      : words.connection.none;
  return (
    <div className="banner" role="alert" data-testid="connection-banner">
      <span>{text}</span>
      <button type="button" className="button button-small" onClick={() => client.invalidateQueries()}>
        {words.connection.retry}
      </button>
    </div>
  );
}
