/** The movements of interest in order of onset, each with its times, side, part and how sure; and the favourites by digit. */
import type { ReactNode } from "react";
import { annotationWords as words } from "../annotationWords";
import type { Annotation, Moi, Vocabulary } from "../api/desk";
import type { EventDetail } from "../api/types";
import { NS_PER_S } from "../frames";
import type { Player } from "../player";
import { offsetText } from "../times";
import { ordered } from "./draft";
import { TermChoice } from "./TermChoice";
import { termWord } from "./terms";
import type { DeskPlace } from "./useDesk";

interface TableProps {
  said: Annotation;
  vocabulary: Vocabulary;
  place: DeskPlace;
  event: EventDetail;
  player: Player;
}

export function MoiTable({ said, vocabulary, place, event, player }: TableProps): ReactNode {
  const rows = ordered(said.mois);
  return (
    <div className="mois">
      <Favourites vocabulary={vocabulary} place={place} />
      {rows.length === 0 && <p className="soft">{words.noMois}</p>}
      {rows.length > 0 && (
        <table className="moi-table" data-testid="moi-table">
          <thead>
            <tr>
              <th scope="col">{words.moi}</th>
              <th scope="col">{words.from}</th>
              <th scope="col">{words.length}</th>
              <th scope="col">{words.laterality}</th>
              <th scope="col">{words.body_part}</th>
              <th scope="col">{words.confidence}</th>
              <th scope="col">
                <span className="hidden">{words.remove}</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {rows.map((moi) => (
              <Row key={moi.id} moi={moi} vocabulary={vocabulary} place={place} event={event} player={player} />
            ))}
          </tbody>
        </table>
      )}
    </div>
  );
}

function Row({ moi, vocabulary, place, event, player }: Omit<TableProps, "said"> & { moi: Moi }): ReactNode {
  const name = termWord(vocabulary.mois, moi.term);
  const sided = vocabulary.mois.find((term) => term.key === moi.term)?.sided ?? true;
  const go = () => {
    place.select(moi.id);
    player.seek(moi.start_ns);
  };
  return (
    <tr className={moi.id === place.selected ? "chosen" : ""}>
      <td>
        <button type="button" className="link" onClick={go}>
          {name}
        </button>
      </td>
      <td className="figure">{offsetText(moi.start_ns - event.event_start_ns, 2)} s</td>
      <td className="figure">{((moi.end_ns - moi.start_ns) / NS_PER_S).toFixed(2)} s</td>
      <td>
        {sided && (
          <TermChoice
            bare
            name={`${words.laterality}: ${name}`}
            terms={vocabulary.lateralities}
            value={moi.laterality}
            onChange={(key) => place.edit(moi.id, { laterality: key })}
          />
        )}
      </td>
      <td>
        <TermChoice
          bare
          name={`${words.body_part}: ${name}`}
          terms={vocabulary.body_parts}
          value={moi.body_part}
          onChange={(key) => place.edit(moi.id, { body_part: key })}
        />
      </td>
      <td>
        <TermChoice
          bare
          must
          name={`${words.confidence} ${name}`}
          terms={vocabulary.confidences}
          value={moi.confidence}
          onChange={(key) => place.edit(moi.id, { confidence: (key ?? "high") as Moi["confidence"] })}
        />
      </td>
      <td>
        <button
          type="button"
          className="button button-small"
          aria-label={`${words.remove} ${name}`}
          onClick={() => place.remove(moi.id)}
        >
          ×
        </button>
      </td>
    </tr>
  );
}

function Favourites({ vocabulary, place }: { vocabulary: Vocabulary; place: DeskPlace }): ReactNode {
  const digit = (favourite: number | null) => (favourite === null ? 99 : favourite === 0 ? 10 : favourite);
  const favourites = vocabulary.mois
    .filter((term) => term.favourite !== null)
    .sort((a, b) => digit(a.favourite) - digit(b.favourite));
  return (
    <div className="favourites">
      {favourites.map((term) => (
        <button key={term.key} type="button" className="button button-small" onClick={() => place.mark(term.key)}>
          <kbd>{term.favourite}</kbd> {term.words.en}
        </button>
      ))}
      <label className="choice">
        <span className="hidden">{words.addMoi}</span>
        <select value="" onChange={(event) => event.target.value && place.mark(event.target.value)}>
          <option value="">{words.addMoi}…</option>
          {vocabulary.mois.map((term) => (
            <option key={term.key} value={term.key}>
              {term.words.en}
            </option>
          ))}
        </select>
      </label>
    </div>
  );
}
