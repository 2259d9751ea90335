/** For the data-protection officer: who saw a patient, and what happened last in a site. */
import { useQuery } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useEffect, useState } from "react";
import { auditWords as words } from "../accountWords";
import { account, type DisclosureView, type EntryView } from "../api/account";
import { Problem, sentenceOf } from "../api/client";
import { Moment } from "../components/Moment";
import { Loading, Notice } from "../components/Notice";
import { useSession } from "../queries";
import { words as shared } from "../words";

interface Wanted {
  site: string;
  code: string;
}

export function AuditPage(): ReactNode {
  const sites = useSession().data?.sites ?? [];
  const [wanted, setWanted] = useState<Wanted | null>(null);
  useEffect(() => {
    document.title = `${words.title} – ${shared.product}`;
  }, []);
  return (
    <main id="content" className="page" data-testid="audit-page">
      <div className="page-head">
        <h1>{words.title}</h1>
      </div>
      <LookUp sites={sites} onLook={setWanted} />
      {wanted && <Patient key={`${wanted.site}/${wanted.code}`} wanted={wanted} />}
      <Newest sites={sites} />
    </main>
  );
}

function SiteChoice({ sites, name }: { sites: string[]; name: string }): ReactNode {
  return (
    <label>
      {words.site}
      <select name={name}>
        {sites.map((site) => (
          <option key={site}>{site}</option>
        ))}
      </select>
    </label>
  );
}

function LookUp({ sites, onLook }: { sites: string[]; onLook: (wanted: Wanted) => void }): ReactNode {
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    onLook({ site: String(form.get("site")), code: String(form.get("code")).trim().toUpperCase() });
  };
  return (
    <form className="panel patient-part audit-form" onSubmit={submit} aria-labelledby="patient-title">
      <h2 id="patient-title">{words.patient}</h2>
      <SiteChoice sites={sites} name="site" />
      <label>
        {words.code} <span className="soft small">{words.codeHint}</span>
        <input name="code" required maxLength={13} spellCheck={false} autoComplete="off" />
      </label>
      <button type="submit" className="button button-main">
        {words.look}
      </button>
      <span className="soft small">{words.noted}</span>
    </form>
  );
}

function Patient({ wanted }: { wanted: Wanted }): ReactNode {
  const query = useQuery<DisclosureView>({
    queryKey: ["audit", wanted.site, wanted.code],
    queryFn: ({ signal }) => account.whoSaw(wanted.site, wanted.code, signal),
    staleTime: Number.POSITIVE_INFINITY,
    refetchOnWindowFocus: false,
  });
  const found = query.data;
  if (!found) return query.isError ? <Failed error={query.error} /> : <Loading text={words.loading} />;
  return (
    <section className="panel patient-part" aria-labelledby="who-title" data-testid="who-saw">
      <h2 id="who-title">
        {found.patient_code}, {found.site}
      </h2>
      {found.entries.length === 0 && <p className="soft">{words.none}</p>}
      {found.people.length > 0 && (
        <p>
          {words.people}:{" "}
          {found.people.map((one) => (
            <span key={one.who} className="audit-person">
              {one.who} <span className="soft">{words.count(one.entries)}</span>
            </span>
          ))}
        </p>
      )}
      <Entries entries={found.entries} />
      {found.more && <p className="soft">{words.more}</p>}
    </section>
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

function Newest({ sites }: { sites: string[] }): ReactNode {
  const [site, setSite] = useState(sites[0] ?? "");
  const [deed, setDeed] = useState("");
  const query = useQuery({
    queryKey: ["audit", "newest", site, deed],
    queryFn: ({ signal }) => account.newest(site, deed, signal),
    enabled: site !== "",
  });
  const entries = query.data?.entries;
  return (
    <section className="panel patient-part" aria-labelledby="newest-title">
      <h2 id="newest-title">{words.newest}</h2>
      <div className="audit-form">
        <label>
          {words.site}
          <select value={site} onChange={(event) => setSite(event.target.value)}>
            {sites.map((one) => (
              <option key={one}>{one}</option>
            ))}
          </select>
        </label>
        <label>
          {words.columns.deed}
          <select value={deed} onChange={(event) => setDeed(event.target.value)}>
            {Object.entries(words.kinds).map(([name, title]) => (
              <option key={name} value={name}>
                {title}
              </option>
            ))}
          </select>
        </label>
      </div>
      {!entries && !query.isError && site !== "" && <Loading text={words.loading} />}
      {query.isError && <Failed error={query.error} />}
      {entries?.length === 0 && <p className="soft">{words.noneOfKind}</p>}
      {entries && <Entries entries={entries} />}
    </section>
  );
}

function Entries({ entries }: { entries: EntryView[] }): ReactNode {
  if (entries.length === 0) return null;
  return (
    <table className="audit-entries">
      <thead>
        <tr>
          {Object.entries(words.columns).map(([name, title]) => (
            <th key={name} scope="col">
              {title}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {entries.map((entry) => (
          <tr key={entry.number}>
            <td>
              <Moment utc={entry.at_utc} />
            </td>
            <td>{entry.who}</td>
            <td>{words.deed(entry.deed)}</td>
            <td className="code">{entry.subject}</td>
            <td className="soft">{detailsOf(entry)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function detailsOf(entry: EntryView): string {
  return Object.entries(entry.details)
    .map(([name, value]) => `${name} ${value}`)
    .join(", ");
}
