/** The clip as a file for other programs; off, with the reason, until its raw segments are stored. */
import type { ReactNode } from "react";
import type { EventDetail, ExportFormat } from "../api/types";
import { words } from "../words";

const FORMATS: ExportFormat[] = ["mkv", "mcap", "numpy"];

export function ExportMenu({ event }: { event: EventDetail }): ReactNode {
  if (!event.exportable) {
    return (
      <button type="button" className="button button-small push" disabled title={words.review.exportAwaited}>
        {words.review.export}
      </button>
    );
  }
  return (
    <details className="export push">
      <summary className="button button-small">{words.review.export}</summary>
      <ul>
        {FORMATS.map((format) => (
          <li key={format}>
            <a
              href={`/api/v1/events/${event.event_id}/export?format=${format}`}
              download
              onClick={(click) => click.currentTarget.closest("details")?.removeAttribute("open")}
            >
              {words.review.exportFormats[format]}
            </a>
          </li>
        ))}
        <li className="soft">{words.review.exportHint}</li>
      </ul>
    </details>
  );
}
