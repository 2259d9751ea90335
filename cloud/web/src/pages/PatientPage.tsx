/** One patient code: stays, events with labels, and the correction of a code that was wrong, with its history. */
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useEffect, useState } from "react";
import { Link } from "wouter";
import { Problem, sentenceOf } from "../api/client";
import { desk, type PatientView } from "../api/desk";
import { CorrectionDialog } from "../components/CorrectionDialog";
import { Moment } from "../components/Moment";
import { Loading, Notice } from "../components/Notice";
import { SuggestionTag } from "../components/SuggestionTag";
import { VerdictTag } from "../components/VerdictTag";
import { patientWords as words } from "../deskWords";
import { lengthText } from "../times";
import { words as shared } from "../words";

const POLL_MS = 15_000;
const MOST_EVENTS = 200;

export function PatientPage({ site, code }: { site: string; code: string }): ReactNode {
  const query = useQuery<PatientView>({
    queryKey: ["patient", site, code],
    queryFn: ({ signal }) => desk.patient(site, code, signal),
    refetchInterval: POLL_MS,
  });
  useEffect(() => {
    document.title = `${words.title(code)} – ${shared.product}`;
  }, [code]);
  const found = query.data;
  return (
    <main id="content" className="page" data-testid="patient-page">
      <div className="page-head">
        <h1>{words.title(code)}</h1>
        <span className="soft">{site}</span>
      </div>
      {!found && !query.isError && <Loading text={words.loading} />}
      {!found && query.isError && <Failed error={query.error} />}
      {found && (
        <>
          <Stays found={found} />
          <Events found={found} />
          <Corrections found={found} />
        </>
      )}
    </main>
  );
}

function Failed({ error }: { error: Error }): ReactNode {
  const missing = error instanceof Problem && (error.status === 404 || error.status === 422);
  return missing ? (
    <Notice title={words.missing} />
  ) : (
    <Notice title={words.failed} text={sentenceOf(error)} tone="bad" />
  );
}

function Stays({ found }: { found: PatientView }): ReactNode {
  const [correcting, setCorrecting] = useState("");
  return (
    <section className="panel patient-part" aria-labelledby="stays-title">
      <h2 id="stays-title">{words.stays}</h2>
      {found.stays.length === 0 && <p className="soft">{words.noStays}</p>}
      {found.stays.length > 0 && (
        <table>
          <thead>
            <tr>
              {Object.entries(words.columns).map(([name, text]) => (
                <th key={name} scope="col">
                  {text}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {found.stays.map((stay) => (
              <tr key={stay.stay_id}>
                <td>{stay.bed}</td>
                <td>
                  <Moment utc={stay.admitted_utc} />
                </td>
                <td>{stay.discharged_utc ? <Moment utc={stay.discharged_utc} /> : words.present}</td>
                <td>
                  <button type="button" className="button button-small" onClick={() => setCorrecting(stay.stay_id)}>
                    {words.correct}
                  </button>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {correcting && (
        <CorrectionDialog
          stayId={correcting}
          site={found.site}
          code={found.patient_code}
          onClose={() => setCorrecting("")}
        />
      )}
    </section>
  );
}

function Events({ found }: { found: PatientView }): ReactNode {
  return (
    <section className="panel patient-part" aria-labelledby="events-title">
      <h2 id="events-title">{words.events}</h2>
      {found.events.length === 0 && <p className="soft">{words.noEvents}</p>}
      {found.events.length > 0 && (
        <table data-testid="patient-events">
          <thead>
            <tr>
              {Object.entries(words.eventColumns).map(([name, text]) => (
                <th key={name} scope="col">
                  {text}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {found.events.map((event) => (
              <tr key={event.event_id}>
                <td>
                  <Link href={`/events/${event.event_id}`} className="row-link">
                    <Moment utc={event.start_utc} />
                  </Link>
                </td>
                <td className="figure">{lengthText(event.duration_s)}</td>
                <td>{event.motor_type ? shared.motorType(event.motor_type) : null}</td>
                <td>
                  <SuggestionTag item={event} />
                </td>
                <td>
                  <VerdictTag verdict={event.label} />
                </td>
                <td>
                  <VerdictTag verdict={event.my_verdict} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {found.events.length >= MOST_EVENTS && <p className="soft">{words.newest(MOST_EVENTS)}</p>}
    </section>
  );
}

function Corrections({ found }: { found: PatientView }): ReactNode {
  return (
    <section className="panel patient-part" aria-labelledby="corrections-title">
      <h2 id="corrections-title">{words.corrections}</h2>
      {found.corrections.length === 0 && <p className="soft">{words.noCorrections}</p>}
      <ul className="corrections" data-testid="corrections">
        {found.corrections.map((one) => (
          <li key={`${one.stay_id}-${one.corrected_utc}-${one.to_code}`}>
            <span className="code">{words.correction(one.from_code, one.to_code)}</span> {one.reason}
            <span className="soft push">
              {words.by(one.corrected_by)}, <Moment utc={one.corrected_utc} />
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}
