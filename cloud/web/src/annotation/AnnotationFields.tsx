/** The event as a whole: its edges, classes and state, and the Lüders chain that follows from the movements. */
import type { ReactNode } from "react";
import { annotationWords as words } from "../annotationWords";
import type { Annotation, Vocabulary } from "../api/desk";
import type { EventDetail } from "../api/types";
import type { Player } from "../player";
import { offsetText } from "../times";
import { TermChoice } from "./TermChoice";
import type { AnnotationControl } from "./useAnnotation";
import type { DeskPlace } from "./useDesk";

interface FieldsProps {
  said: Annotation;
  vocabulary: Vocabulary;
  place: DeskPlace;
  control: AnnotationControl;
  event: EventDetail;
  player: Player;
}

const CHOICES = [
  ["ilae_2025", "ilae_2025"],
  ["ilae_2017", "ilae_2017"],
  ["epilepsy_class", "epilepsy_classes"],
  ["consciousness", "consciousness"],
  ["sleep_state", "sleep_states"],
] as const;

export function AnnotationFields(props: FieldsProps): ReactNode {
  const { said, vocabulary, place, control } = props;
  const chain = control.savedView?.chain ?? [];
  return (
    <div className="annotation-fields">
      <EdgeField which="onset" {...props} />
      <EdgeField which="offset" {...props} />
      {CHOICES.map(([field, group]) => (
        <TermChoice
          key={field}
          name={words.fields[field]}
          terms={vocabulary[group]}
          value={said[field]}
          onChange={(key) => place.set({ [field]: key })}
        />
      ))}
      <p className="chain" data-testid="chain">
        <span className="soft">{words.chain}</span>{" "}
        {chain.length > 0 ? (
          chain.map((part) => part.text).join(words.arrow)
        ) : (
          <span className="soft">{words.chainNone}</span>
        )}
      </p>
    </div>
  );
}

function EdgeField({
  which,
  said,
  vocabulary,
  place,
  event,
  player,
}: FieldsProps & { which: "onset" | "offset" }): ReactNode {
  const edge = said[which];
  const terms = which === "onset" ? vocabulary.onset_types : vocabulary.offset_types;
  return (
    <div className="edge">
      <span>{words[which]}</span>
      <span className="figure" data-testid={`${which}-at`}>
        {edge ? `${offsetText(edge.at_ns - event.event_start_ns, 2)} s` : words.notSet}
      </span>
      <button type="button" className="button button-small" onClick={() => place.edge(which)}>
        {words.setHere} <kbd>{which === "onset" ? "i" : "x"}</kbd>
      </button>
      {edge && (
        <>
          <TermChoice
            bare
            must
            name={`${words[which]} ${words.by}`}
            terms={terms}
            value={edge.kind}
            onChange={(kind) => kind && place.set({ [which]: { ...edge, kind } })}
          />
          <button type="button" className="button button-small" onClick={() => player.seek(edge.at_ns)}>
            {words.goThere}
          </button>
          <button type="button" className="button button-small" onClick={() => place.set({ [which]: null })}>
            {words.clear}
          </button>
        </>
      )}
    </div>
  );
}
