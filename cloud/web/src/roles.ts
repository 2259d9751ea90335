/** What a role is shown. The server decides what it may do; this only spares people doors that would stay shut. */
const DOORS = ["events", "verdicts", "beds", "stays", "pulls", "live", "deadLetters", "policies", "audit"] as const;
type Door = (typeof DOORS)[number];

const OPEN_TO: Record<string, readonly Door[]> = {
  clinician: ["events", "verdicts", "beds", "stays", "pulls", "live"],
  scientist: ["events"],
  ops: ["beds", "deadLetters"],
  dpo: ["audit"],
  admin: DOORS,
  broken_glass: ["events", "beds"],
};

/** Whoever has several roles, joined by "+", is shown the doors of all of them. */
export function shownTo(role: string | undefined): Record<Door, boolean> {
  const open = new Set((role ?? "").split("+").flatMap((one) => OPEN_TO[one] ?? []));
  return Object.fromEntries(DOORS.map((door) => [door, open.has(door)])) as Record<Door, boolean>;
}
