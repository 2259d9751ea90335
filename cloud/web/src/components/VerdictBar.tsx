/** The one question of a review and its three answers, one key each, and the way to the next event. */
import type { ReactNode } from "react";
import type { Verdict } from "../api/types";
import { words } from "../words";

interface VerdictBarProps {
  verdict: Verdict | null;
  saving: boolean;
  fault: string;
  onVerdict: (verdict: Verdict) => void;
  onNext: () => void;
  allowed: boolean;
}

const ANSWERS = [
  { verdict: "confirmed", text: words.review.confirm, key: "c" },
  { verdict: "rejected", text: words.review.reject, key: "r" },
  { verdict: "unsure", text: words.review.unsure, key: "u" },
] as const;

export function VerdictBar({ verdict, saving, fault, onVerdict, onNext, allowed }: VerdictBarProps): ReactNode {
  return (
    <section className="panel verdict-bar" aria-labelledby="verdict-title">
      <h2 id="verdict-title">{words.review.verdict}</h2>
      <p className="soft">
        {!allowed
          ? words.review.notAllowed
          : verdict
            ? words.review.changed(words.verdicts[verdict])
            : words.review.verdictQuestion}
      </p>
      <div className="answers">
        {ANSWERS.map((answer) => (
          <button
            key={answer.verdict}
            type="button"
            className={`answer answer-${answer.verdict}`}
            aria-pressed={verdict === answer.verdict}
            aria-keyshortcuts={answer.key}
            disabled={saving || !allowed}
            onClick={() => onVerdict(answer.verdict)}
            data-testid={`verdict-${answer.verdict}`}
          >
            {answer.text} <kbd>{answer.key}</kbd>
          </button>
        ))}
      </div>
      <div className="verdict-foot">
        <p className="fault" role="alert">
          {saving ? "" : fault}
        </p>
        <button
          type="button"
          className="button button-quiet"
          onClick={onNext}
          title={words.review.nextHint}
          aria-keyshortcuts="n"
        >
          {saving ? words.review.saving : words.review.next} <kbd>n</kbd>
        </button>
      </div>
    </section>
  );
}
