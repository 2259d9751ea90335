/** The comment and the gate before it: what may point to a person is shown, and a person decides. */
import { type ReactNode, useEffect, useState } from "react";
import { annotationWords as words } from "../annotationWords";
import { sentenceOf } from "../api/client";
import { type Annotation, type CommentAnswer, desk } from "../api/desk";

const LIMIT = 2_000;

interface BoxProps {
  said: Annotation;
  onKeep: (text: string, checked: boolean) => void;
}

export function CommentBox({ said, onKeep }: BoxProps): ReactNode {
  const [text, setText] = useState(said.comment);
  const [findings, setFindings] = useState<CommentAnswer["findings"]>([]);
  const [fault, setFault] = useState("");
  useEffect(() => setText(said.comment), [said.comment]);
  const check = async () => {
    setFault("");
    try {
      const found = text ? (await desk.checkComment(text)).findings : [];
      setFindings(found);
      if (found.length === 0) onKeep(text, false);
    } catch (error) {
      setFault(words.commentFailed(sentenceOf(error)));
    }
  };
  const anyway = () => {
    setFindings([]);
    onKeep(text, true);
  };
  return (
    <div className="comment-box">
      <label>
        <span>{words.comment}</span>
        <textarea
          rows={2}
          maxLength={LIMIT}
          value={text}
          placeholder={words.commentHint}
          onChange={(event) => {
            setText(event.target.value);
            setFindings([]);
          }}
        />
      </label>
      {text !== said.comment && findings.length === 0 && (
        <button type="button" className="button button-small" onClick={check}>
          {words.commentKeep}
        </button>
      )}
      {findings.length > 0 && (
        <div role="alert" className="comment-warning">
          <span>
            {words.commentWarning}{" "}
            {findings.map((one) => `“${one.text}” (${words.commentKinds[one.kind] ?? one.kind})`).join(", ")}
          </span>
          <button type="button" className="button button-small" onClick={() => setFindings([])}>
            {words.commentChange}
          </button>
          <button type="button" className="button button-small" onClick={anyway}>
            {words.commentAnyway}
          </button>
        </div>
      )}
      {fault && (
        <p role="alert" className="fault">
          {fault}
        </p>
      )}
    </div>
  );
}
