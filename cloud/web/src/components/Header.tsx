/** The top line: pages, how many events are open, the site, the person, colours, keys, sign out. */
import type { ReactNode } from "react";
import { Link, useLocation } from "wouter";
import { accountWords, auditWords } from "../accountWords";
import { api } from "../api/client";
import { pullWords, referenceWords } from "../pullWords";
import { changePerson, useSession, useWorklist } from "../queries";
import { shownTo } from "../roles";
import { setTheme, useTheme } from "../theme";
import { words } from "../words";

/** The number beside "Worklist" counts all open events, so one row is enough to learn it. */
const COUNT_ONLY = 1;

export function Header({ onHelp }: { onHelp: () => void }): ReactNode {
  const [path] = useLocation();
  const shown = shownTo(useSession().data?.role);
  const inWorklist = path === "/" || path.startsWith("/events/");
  return (
    <header className="header">
      <Link href="/" className="brand">
        <Mark />
        {words.product}
      </Link>
      <nav aria-label={words.header.navigation}>
        {shown.events && (
          <Link href="/" className="tab" aria-current={inWorklist ? "page" : undefined}>
            {words.header.worklist} <OpenCount />
          </Link>
        )}
        {shown.beds && (
          <Link href="/beds" className="tab" aria-current={path === "/beds" ? "page" : undefined}>
            {words.header.beds}
          </Link>
        )}
        {shown.pulls && (
          <Link href="/pull" className="tab" aria-current={path === "/pull" ? "page" : undefined}>
            {pullWords.tab}
          </Link>
        )}
        {shown.pulls && (
          <Link href="/references" className="tab" aria-current={path.startsWith("/references") ? "page" : undefined}>
            {referenceWords.tab}
          </Link>
        )}
        {shown.audit && (
          <Link href="/audit" className="tab" aria-current={path === "/audit" ? "page" : undefined}>
            {auditWords.tab}
          </Link>
        )}
      </nav>
      <Who />
      <ThemeSwitch />
      <button type="button" className="button button-quiet" onClick={onHelp} title={words.header.helpHint}>
        {words.header.help} <kbd>?</kbd>
      </button>
      <SignOut />
    </header>
  );
}

function OpenCount(): ReactNode {
  const open = useWorklist("open", "", COUNT_ONLY).data?.open;
  if (open === undefined) return null;
  return (
    <span className="count" data-testid="open-count">
      {words.header.openCount(open)}
    </span>
  );
}

function Who(): ReactNode {
  const person = useSession().data;
  if (!person) return null;
  return (
    <div className="who">
      <span className="soft">{words.header.sites(person.sites.length)}</span> {person.sites.join(", ")}
      <span className="divider" aria-hidden="true" />
      <Link href="/account" title={accountWords.title} data-testid="person">
        {person.account}
      </Link>{" "}
      {person.role !== person.account && <span className="soft">{person.role}</span>}
    </div>
  );
}

function ThemeSwitch(): ReactNode {
  const theme = useTheme();
  const other = theme === "dark" ? "light" : "dark";
  return (
    <button
      type="button"
      className="button button-quiet"
      onClick={() => setTheme(other)}
      aria-label={other === "light" ? words.header.toLight : words.header.toDark}
    >
      {other === "light" ? words.header.light : words.header.dark}
    </button>
  );
}

function SignOut(): ReactNode {
  const leave = async () => {
    await api.signOut().catch(() => undefined);
    changePerson(null);
  };
  return (
    <button type="button" className="button button-quiet" onClick={leave}>
      {words.header.signOut}
    </button>
  );
}

function Mark(): ReactNode {
  return (
    <svg className="mark" viewBox="0 0 32 20" aria-hidden="true">
      <path d="M1 12h7l2-5 3 11 4-17 3 11h11" />
    </svg>
  );
}
