/** What a role is shown. The server decides what it may do; this only spares people doors that would stay shut. */
const SHOWN: Record<
  string,
  { events: boolean; verdicts: boolean; beds: boolean; stays: boolean; deadLetters: boolean }
> = {
  clinician: { events: true, verdicts: true, beds: true, stays: true, deadLetters: false },
  scientist: { events: true, verdicts: false, beds: false, stays: false, deadLetters: false },
  ops: { events: false, verdicts: false, beds: true, stays: false, deadLetters: true },
  dpo: { events: false, verdicts: false, beds: false, stays: false, deadLetters: false },
  admin: { events: true, verdicts: true, beds: true, stays: true, deadLetters: true },
};
const NOTHING = { events: false, verdicts: false, beds: false, stays: false, deadLetters: false };

export function shownTo(role: string | undefined): (typeof SHOWN)[string] {
  return SHOWN[role ?? ""] ?? NOTHING;
}
