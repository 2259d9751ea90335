/** For an admin: which sites read blind. */
import { useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { sentenceOf } from "../api/client";
import { desk } from "../api/desk";
import { suggestionWords as words } from "../suggestionWords";
import { useReading } from "../worklist";

export function ReadingPolicy(): ReactNode {
  const client = useQueryClient();
  const sites = useReading().data?.items ?? [];
  const [fault, setFault] = useState("");
  if (sites.length === 0) return null;
  const set = async (site: string, blind: boolean) => {
    setFault("");
    try {
      await desk.setReading(site, blind);
    } catch (error) {
      setFault(words.policyFault(sentenceOf(error)));
    }
    await client.invalidateQueries();
  };
  return (
    <section className="panel reading-policy" aria-labelledby="reading-title" data-testid="reading-policy">
      <h2 id="reading-title">{words.policyTitle}</h2>
      <p className="soft">{words.policyText}</p>
      {sites.map(({ site, blind }) => (
        <label key={site}>
          <input type="checkbox" checked={blind} onChange={(event) => void set(site, event.target.checked)} />{" "}
          {words.policy(site)}
        </label>
      ))}
      {fault && (
        <p role="alert" className="fault">
          {fault}
        </p>
      )}
    </section>
  );
}
