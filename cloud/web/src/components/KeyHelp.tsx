/** The keys of all pages, straight from the table that drives them. */
import type { ReactNode } from "react";
import { annotationWords } from "../annotationWords";
import { type Deed, KEYS, keyCap, type Scope } from "../keyboard";
import { words } from "../words";
import { Dialog } from "./Dialog";

export function KeyHelp({ onClose }: { onClose: () => void }): ReactNode {
  return (
    <Dialog title={words.help.title} onClose={onClose} wide>
      <div className="key-columns">
        <KeyTable scope="review" />
        <AnnotationKeys />
        <KeyTable scope="worklist" />
        <KeyTable scope="everywhere" />
      </div>
      <div className="dialog-buttons">
        <button type="button" className="button" onClick={onClose}>
          {words.help.close}
        </button>
      </div>
    </Dialog>
  );
}

/** The annotation's own keys; they come before those of the page while it is open. */
function AnnotationKeys(): ReactNode {
  return (
    <section>
      <h3>{annotationWords.title}</h3>
      <dl className="keys">
        {annotationWords.keyList.map(([keys, text]) => (
          <div key={keys}>
            <dt>
              <kbd>{keys}</kbd>
            </dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

function KeyTable({ scope }: { scope: Scope }): ReactNode {
  const rows: readonly { deed: Deed; keys: readonly string[] }[] = KEYS[scope];
  return (
    <section>
      <h3>{words.help[scope]}</h3>
      <dl className="keys">
        {rows.map((row) => (
          <div key={row.keys.join()}>
            <dt>
              {row.keys.map((key, index) => (
                <span key={key}>
                  {index > 0 && <span className="soft"> {words.help.or} </span>}
                  <kbd>{keyCap(key, words.keyCaps)}</kbd>
                </span>
              ))}
            </dt>
            <dd>{words.deeds[row.deed]}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
