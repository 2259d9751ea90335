/** The shell: who is signed in, which page is shown, the header, the research-use line, and the keys that work everywhere. */
import { type ReactNode, useState } from "react";
import { Redirect, Route, Switch, useLocation } from "wouter";
import { ConnectionBanner } from "./components/ConnectionBanner";
import { Footer } from "./components/Footer";
import { Header } from "./components/Header";
import { KeyHelp } from "./components/KeyHelp";
import { Notice } from "./components/Notice";
import { ToastProvider, useToast } from "./components/Toast";
import { AccountPage } from "./pages/AccountPage";
import { AuditPage } from "./pages/AuditPage";
import { BedsPage } from "./pages/BedsPage";
import { LoginPage } from "./pages/LoginPage";
import { PatientPage } from "./pages/PatientPage";
import { PullPage } from "./pages/PullPage";
import { ReferencesPage } from "./pages/ReferencesPage";
import { ReviewPage } from "./pages/ReviewPage";
import { WorklistPage } from "./pages/WorklistPage";
import { useSession } from "./queries";
import { shownTo } from "./roles";
import { useKeys } from "./useKeys";
import { words } from "./words";

export function App(): ReactNode {
  const session = useSession();
  if (session.data === undefined) {
    return (
      <Frame>
        <main id="content" className="page">
          {session.isError && <Notice title={words.connection.none} tone="bad" />}
        </main>
      </Frame>
    );
  }
  if (session.data === null) {
    return (
      <Frame>
        <LoginPage />
      </Frame>
    );
  }
  return (
    <ToastProvider>
      <SignedIn />
    </ToastProvider>
  );
}

function Frame({ children }: { children: ReactNode }): ReactNode {
  return (
    <div className="shell">
      <ConnectionBanner />
      {children}
      <Footer />
    </div>
  );
}

function SignedIn(): ReactNode {
  const [, go] = useLocation();
  const [helpShown, setHelpShown] = useState(false);
  const toast = useToast();
  const shown = shownTo(useSession().data?.role);
  const home = shown.events ? (
    <WorklistPage />
  ) : shown.beds ? (
    <Redirect to="/beds" />
  ) : shown.audit ? (
    <Redirect to="/audit" />
  ) : (
    <NothingShown />
  );
  useKeys("everywhere", {
    help: () => setHelpShown(true),
    worklist: () => go("/"),
    beds: () => go("/beds"),
    pull: () => shown.pulls && go("/pull"),
    references: () => shown.pulls && go("/references"),
    undo: toast.undo,
  });
  return (
    <div className="shell">
      <a className="skip" href="#content">
        {words.header.skip}
      </a>
      <Header onHelp={() => setHelpShown(true)} />
      <ConnectionBanner />
      <Switch>
        <Route path="/">{home}</Route>
        <Route path="/events/:id">{({ id }) => <ReviewPage key={id} eventId={id} />}</Route>
        <Route path="/patients/:site/:code">
          {({ site, code }) =>
            shown.stays ? <PatientPage key={`${site}/${code}`} site={site} code={code} /> : <Redirect to="/" />
          }
        </Route>
        <Route path="/beds">
          <BedsPage />
        </Route>
        <Route path="/pull">{shown.pulls ? <PullPage /> : <Redirect to="/" />}</Route>
        <Route path="/references">{shown.pulls ? <ReferencesPage stayId="" /> : <Redirect to="/" />}</Route>
        <Route path="/references/:id">
          {({ id }) => (shown.pulls ? <ReferencesPage key={id} stayId={id} /> : <Redirect to="/" />)}
        </Route>
        <Route path="/account">
          <AccountPage />
        </Route>
        <Route path="/audit">{shown.audit ? <AuditPage /> : <Redirect to="/" />}</Route>
        <Route path="/login">
          <Redirect to="/" />
        </Route>
        <Route>
          <main id="content" className="page">
            <Notice title={words.error.notFound} />
          </main>
        </Route>
      </Switch>
      <Footer />
      {helpShown && <KeyHelp onClose={() => setHelpShown(false)} />}
    </div>
  );
}

function NothingShown(): ReactNode {
  return (
    <main id="content" className="page">
      <Notice title={words.worklist.notYours} />
    </main>
  );
}
