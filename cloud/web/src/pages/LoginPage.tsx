/** Sign in with a local account. A wrong password, a rate limit and a silent server each have their own sentence. */
import { type FormEvent, type ReactNode, useEffect, useState } from "react";
import { useLocation } from "wouter";
import { accountWords } from "../accountWords";
import { api, Problem, sentenceOf } from "../api/client";
import { changePerson } from "../queries";
import { words } from "../words";

export function LoginPage(): ReactNode {
  const [path] = useLocation();
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState("");
  useEffect(() => {
    document.title = `${words.login.title} – ${words.product}`;
  }, []);
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    setBusy(true);
    setFault("");
    try {
      const person = await api.signIn(
        String(form.get("account")),
        String(form.get("password")),
        String(form.get("code")),
      );
      changePerson(person);
    } catch (error) {
      setBusy(false);
      setFault(sentenceFor(error));
    }
  };
  return (
    <main id="content" className="login">
      <form onSubmit={submit} aria-labelledby="login-title">
        <div className="login-brand">{words.product}</div>
        <h1 id="login-title">{words.login.title}</h1>
        {path !== "/" && path !== "/login" && !fault && <p className="soft">{words.login.first}</p>}
        <label>
          {words.login.account}
          {/* biome-ignore lint/a11y/noAutofocus: the first field of a page that holds nothing else. */}
          <input name="account" autoComplete="username" required maxLength={64} autoFocus spellCheck={false} />
        </label>
        <label>
          {words.login.password}
          <input name="password" type="password" autoComplete="current-password" required maxLength={256} />
        </label>
        <label>
          {accountWords.code}
          <input name="code" inputMode="numeric" autoComplete="one-time-code" maxLength={8} />
          <span className="soft small">{accountWords.codeHint}</span>
        </label>
        <p className="fault" role="alert">
          {fault}
        </p>
        <button type="submit" className="button button-main" disabled={busy}>
          {busy ? words.login.busy : words.login.submit}
        </button>
        <p className="soft small">{words.login.firstStart}</p>
      </form>
    </main>
  );
}

function sentenceFor(error: unknown): string {
  if (error instanceof Problem && error.status === 401) return accountWords.wrong;
  if (error instanceof Problem && error.status === 429) return words.login.slow;
  return sentenceOf(error);
}
