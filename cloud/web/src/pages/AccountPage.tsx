/** One's own account: what it may see, a new password, a second factor, sessions, and emergency access. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useEffect, useState } from "react";
import { accountWords as words } from "../accountWords";
import { type AccountView, account, type Begun } from "../api/account";
import { api, Problem, sentenceOf } from "../api/client";
import { Moment } from "../components/Moment";
import { Loading, Notice } from "../components/Notice";
import { changePerson } from "../queries";
import { words as shared } from "../words";

const KEY = ["account"] as const;

export function AccountPage(): ReactNode {
  const query = useQuery<AccountView>({ queryKey: KEY, queryFn: ({ signal }) => account.own(signal) });
  useEffect(() => {
    document.title = `${words.title} – ${shared.product}`;
  }, []);
  const found = query.data;
  return (
    <main id="content" className="page account" data-testid="account-page">
      <div className="page-head">
        <h1>{words.title}</h1>
        {found && <span className="soft">{found.account}</span>}
      </div>
      {!found && !query.isError && <Loading text={words.loading} />}
      {!found && query.isError && <Notice title={words.failed} text={sentenceOf(query.error)} tone="bad" />}
      {found && (
        <>
          <Grants found={found} />
          <SecondFactor found={found} />
          <Password found={found} />
          <Sessions found={found} />
          {found.may_break_glass && <Glass />}
        </>
      )}
    </main>
  );
}

function Grants({ found }: { found: AccountView }): ReactNode {
  return (
    <section className="panel patient-part" aria-labelledby="grants-title">
      <h2 id="grants-title">{words.grants}</h2>
      {found.grants.length === 0 && <p className="soft">{words.noGrants}</p>}
      {found.grants.length > 0 && (
        <table>
          <thead>
            <tr>
              <th scope="col">{words.grantColumns.site}</th>
              <th scope="col">{words.grantColumns.role}</th>
            </tr>
          </thead>
          <tbody>
            {found.grants.map((grant) => (
              <tr key={`${grant.site}/${grant.role}`}>
                <td>{grant.site}</td>
                <td>{words.role(grant.role)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

/** Sends a form, says how it went, and shows the account as it is then. */
function useDeed(done: string): { busy: boolean; said: string; bad: boolean; run: (deed: Promise<unknown>) => void } {
  const client = useQueryClient();
  const [state, setState] = useState({ busy: false, said: "", bad: false });
  const run = (deed: Promise<unknown>) => {
    setState({ busy: true, said: "", bad: false });
    deed
      .then(() => setState({ busy: false, said: done, bad: false }))
      .catch((error: unknown) => setState({ busy: false, said: sentenceFor(error), bad: true }))
      .finally(() => void client.invalidateQueries({ queryKey: KEY }));
  };
  return { ...state, run };
}

function sentenceFor(error: unknown): string {
  return error instanceof Problem && error.status === 401 ? words.wrong : sentenceOf(error);
}

function Said({ deed }: { deed: { said: string; bad: boolean } }): ReactNode {
  return (
    <p className={deed.bad ? "fault" : "soft"} role={deed.bad ? "alert" : "status"}>
      {deed.said}
    </p>
  );
}

function Proof({ found }: { found: AccountView }): ReactNode {
  return (
    <>
      <label>
        {words.current}
        <input name="password" type="password" autoComplete="current-password" required maxLength={256} />
      </label>
      {found.second_factor && (
        <label>
          {words.code}
          <input name="code" inputMode="numeric" autoComplete="one-time-code" required maxLength={8} />
        </label>
      )}
    </>
  );
}

function text(form: FormData, name: string): string {
  return String(form.get(name) ?? "");
}

function Password({ found }: { found: AccountView }): ReactNode {
  const deed = useDeed(words.changed);
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    deed.run(account.changePassword(text(form, "password"), text(form, "code"), text(form, "next")));
    event.currentTarget.reset();
  };
  return (
    <form className="panel patient-part account-form" onSubmit={submit} aria-labelledby="password-title">
      <h2 id="password-title">{words.password}</h2>
      <Proof found={found} />
      <label>
        {words.next}
        <input name="next" type="password" autoComplete="new-password" required minLength={12} maxLength={256} />
        <span className="soft small">{words.nextHint}</span>
      </label>
      <button type="submit" className="button" disabled={deed.busy}>
        {words.change}
      </button>
      <Said deed={deed} />
    </form>
  );
}

function SecondFactor({ found }: { found: AccountView }): ReactNode {
  const [begun, setBegun] = useState<Begun | null>(null);
  const begin = useDeed("");
  const confirm = useDeed(words.confirmed);
  const submitBegin = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    begin.run(account.beginSecondFactor(text(form, "password"), text(form, "code")).then(setBegun));
    event.currentTarget.reset();
  };
  const submitConfirm = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const code = text(new FormData(event.currentTarget), "first");
    confirm.run(account.confirmSecondFactor(code).then(() => setBegun(null)));
  };
  return (
    <section className="panel patient-part" aria-labelledby="factor-title" data-testid="second-factor">
      <h2 id="factor-title">{words.secondFactor}</h2>
      <p className="soft">{found.second_factor ? words.factorOn : words.factorOff}</p>
      {!begun && (
        <form className="account-form" onSubmit={submitBegin}>
          <Proof found={found} />
          <button type="submit" className="button" disabled={begin.busy}>
            {words.begin}
          </button>
          <Said deed={begin} />
        </form>
      )}
      {begun && (
        <form className="account-form" onSubmit={submitConfirm}>
          <p>{words.secret}</p>
          <p className="code account-secret" data-testid="secret">
            {begun.secret.match(/.{1,4}/g)?.join(" ")}
          </p>
          <p>
            <a href={begun.address}>{words.openLink}</a>
          </p>
          <label>
            {words.first}
            <input name="first" inputMode="numeric" autoComplete="one-time-code" required maxLength={8} />
          </label>
          <button type="submit" className="button button-main" disabled={confirm.busy}>
            {words.confirm}
          </button>
        </form>
      )}
      <Said deed={confirm} />
    </section>
  );
}

function Sessions({ found }: { found: AccountView }): ReactNode {
  const deed = useDeed("");
  const end = (name: string, thisOne: boolean) => {
    deed.run(thisOne ? api.signOut().then(() => changePerson(null)) : account.endSession(name));
  };
  return (
    <section className="panel patient-part" aria-labelledby="sessions-title">
      <h2 id="sessions-title">{words.sessions}</h2>
      <table>
        <thead>
          <tr>
            {Object.entries(words.sessionColumns).map(([name, title]) => (
              <th key={name} scope="col">
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {found.sessions.map((one) => (
            <tr key={one.name}>
              <td>
                <Moment utc={one.began_utc} /> {one.this_one && <span className="soft">{words.thisOne}</span>}
              </td>
              <td>
                <Moment utc={one.used_utc} />
              </td>
              <td>
                <button
                  type="button"
                  className="button button-small"
                  disabled={deed.busy}
                  onClick={() => end(one.name, one.this_one)}
                >
                  {words.end}
                </button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <Said deed={deed} />
    </section>
  );
}

function Glass(): ReactNode {
  const [site, setSite] = useState("");
  const deed = useDeed(words.glassBroken(site));
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const reason = text(new FormData(event.currentTarget), "reason");
    deed.run(account.breakGlass(site, reason).then(async () => changePerson(await api.whoAmI())));
  };
  return (
    <form className="panel patient-part account-form" onSubmit={submit} aria-labelledby="glass-title">
      <h2 id="glass-title">{words.glass}</h2>
      <p className="soft">{words.glassText}</p>
      <label>
        {words.glassSite}
        <input name="site" required maxLength={32} value={site} onChange={(event) => setSite(event.target.value)} />
      </label>
      <label>
        {words.glassReason}
        <input name="reason" required minLength={10} maxLength={200} />
      </label>
      <button type="submit" className="button" disabled={deed.busy}>
        {words.glassBreak}
      </button>
      <Said deed={deed} />
    </form>
  );
}
