/** The research-use line, on every page, and the version that runs, and by whose clock times are shown. */
import type { ReactNode } from "react";
import { useAbout } from "../queries";
import { words } from "../words";

const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;

export function Footer(): ReactNode {
  const about = useAbout().data;
  return (
    <footer className="footer">
      <span data-testid="research-use">{words.researchUse}</span>
      <span className="soft">{words.clockZone(ZONE)}</span>
      {about && (
        <span className="soft">
          {words.product} {about.version} · {about.commit.slice(0, 9)}
        </span>
      )}
    </footer>
  );
}
