/** Catches a fault of the page itself, says so in plain words and offers to load it again. */
import { Component, type ReactNode } from "react";
import { words } from "../words";

export class Fault extends Component<{ children: ReactNode }, { broken: boolean }> {
  override state = { broken: false };

  static getDerivedStateFromError(): { broken: boolean } {
    return { broken: true };
  }

  override render(): ReactNode {
    if (!this.state.broken) return this.props.children;
    return (
      <div className="shell">
        <main className="page" role="alert">
          <div className="notice notice-bad">
            <h1>{words.error.title}</h1>
            <p>{words.error.text}</p>
            <button type="button" className="button" onClick={() => window.location.reload()}>
              {words.error.reload}
            </button>
          </div>
        </main>
        <footer className="footer">{words.researchUse}</footer>
      </div>
    );
  }
}
