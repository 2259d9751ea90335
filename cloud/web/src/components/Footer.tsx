/** The research-use line, on every page, and the version that runs. */
import type { ReactNode } from "react";
import { useAbout } from "../queries";
import { words } from "../words";

export function Footer(): ReactNode {
  const about = useAbout().data;
  return (
    <footer className="footer">
      <span data-testid="research-use">{words.researchUse}</span>
      {about && (
        <span className="soft">
          {words.product} {about.version} · {about.commit.slice(0, 9)}
        </span>
      )}
    </footer>
  );
}
