/** What a role is shown. The server decides what it may do; this only spares people doors that would stay shut. */
const SHOWN: Record<
  string,
  { events: boolean; verdicts: boolean; beds: boolean; stays: boolean; pulls: boolean; deadLetters: boolean }
> = {
  clinician: { events: true, verdicts: true, beds: true, stays: true, pulls: true, deadLetters: false },
  scientist: { events: true, verdicts: false, beds: false, stays: false, pulls: false, deadLetters: false },
  ops: { events: false, verdicts: false, beds: true, stays: false, pulls: false, deadLetters: true },
  dpo: { events: false, verdicts: false, beds: false, stays: false, pulls: false, deadLetters: false },
  admin: { events: true, verdicts: true, beds: true, stays: true, pulls: true, deadLetters: true },
};
const NOTHING = { events: false, verdicts: false, beds: false, stays: false, pulls: false, deadLetters: false };

export function shownTo(role: string | undefined): (typeof SHOWN)[string] {
  return SHOWN[role ?? ""] ?? NOTHING;
}
