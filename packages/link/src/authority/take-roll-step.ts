import { AppError, assertNever } from "@tms/records";
import { z } from "zod";
import type { KeyRoll, KeyRollState } from "./key-roll.ts";
import { ROLLED_KEYS, type RolledKey } from "./roll-record.ts";

// What a person orders of a roll-over, and who would be left out by it.
// S1  Nobody is left out unnoticed: what may leave somebody out is refused, or forced and audited with their names.
// S2  The old CA serves through the next one's signature until it is retired, so the retirement leaves out whoever has not
//     confirmed. An SSH host key has no such bridge; but who reports what it trusts learns the next one by its next
//     heartbeat, so the switch leaves out those alone that report nothing: foreign products, and older versions.

export const ROLL_STEPS = ["begin", "switch", "retire", "abandon", "status"] as const;

/** As a command passes it on, on standard input. */
export const rollOrderSchema = z.strictObject({
  key: z.enum(ROLLED_KEYS),
  step: z.enum(ROLL_STEPS),
  force: z.boolean(),
  /** Who orders it, for the audit log. */
  by: z.string().min(1).max(100),
});
export type RollOrder = z.infer<typeof rollOrderSchema>;

/** A registered lower party, and what its last heartbeat said. */
export interface RollParty {
  id: string;
  name: string;
  host: string;
  /** null where there is one customer. */
  customer: string | null;
  lastSeenAt: Date | null;
  /** null = it said nothing of it. */
  trust: { caPins: readonly string[]; sshHostKeys: readonly string[] } | null;
}

export interface WaitingParty {
  id: string;
  name: string;
  host: string;
  customer: string | null;
  lastSeenAt: string | null;
  why: "not-confirmed" | "says-nothing" | "never-heard";
}

export interface RollReport extends KeyRollState {
  key: RolledKey;
  /** How many trust the next key; the present one if nothing rolls over. */
  confirmed: number;
  /** Who does not. */
  waiting: WaitingParty[];
}

export interface RollDeps {
  roll: KeyRoll;
  parties(): Promise<RollParty[]>;
  audit(action: string, detail: Record<string, unknown>): Promise<void>;
}

/** Names in an audit entry, and in a refusal. */
const MAX_NAMED = { audit: 500, refusal: 20 } as const;

/**
 * Takes one step, and says how it stands then.
 *
 * @throws {AppError} `roll.unconfirmed`, and what the step itself throws.
 */
export async function takeRollStep({ key, step, force }: RollOrder, deps: RollDeps): Promise<RollReport> {
  const before = await deps.roll.state();
  const parties = await deps.parties();
  const waiting = waitingFor(key, before, parties);
  const leftOut = leftOutBy({ key, step }, waiting);
  const isInTurn = PHASE_BEFORE[step] === null || PHASE_BEFORE[step] === before.phase;
  if (isInTurn && step !== "status") {
    if (leftOut.length > 0 && !force) throw refusal(leftOut);
    const names = leftOut.slice(0, MAX_NAMED.audit).map(({ id, name }) => ({ id, name }));
    // Before the step: none is taken that the audit log does not know of.
    await deps.audit(`keys.roll-${AUDITED[step]}`, {
      key,
      present: before.present,
      next: before.next,
      ...(names.length === 0 ? {} : { forced: true, leftOut: names, leftOutInAll: leftOut.length }),
    });
  }
  await take(step, deps.roll);
  const after = await deps.roll.state();
  const still = waitingFor(key, after, parties);
  return { key, ...after, confirmed: parties.length - still.length, waiting: still };
}

const PHASE_BEFORE = {
  begin: "none",
  switch: "announced",
  retire: "switched",
  abandon: "announced",
  status: null,
} as const;
const AUDITED = { begin: "begun", switch: "switched", retire: "retired", abandon: "abandoned" } as const;

function take(step: RollOrder["step"], roll: KeyRoll): Promise<void> {
  switch (step) {
    case "begin":
      return roll.begin();
    case "switch":
      return roll.switchOver();
    case "retire":
      return roll.retire();
    case "abandon":
      return roll.abandon();
    case "status":
      return Promise.resolve();
    default:
      return assertNever(step);
  }
}

function waitingFor(key: RolledKey, state: KeyRollState, parties: readonly RollParty[]): WaitingParty[] {
  const wanted = state.next ?? state.present;
  return parties.flatMap(({ trust, lastSeenAt, ...who }) => {
    const trusted = trust === null ? null : key === "ca" ? trust.caPins : trust.sshHostKeys;
    if (trusted?.includes(wanted)) return [];
    const silent = lastSeenAt === null ? ("never-heard" as const) : ("says-nothing" as const);
    const why = trusted === null ? silent : ("not-confirmed" as const);
    return [{ ...who, lastSeenAt: lastSeenAt?.toISOString() ?? null, why }];
  });
}

function leftOutBy({ key, step }: Pick<RollOrder, "key" | "step">, waiting: readonly WaitingParty[]): WaitingParty[] {
  if (step === "retire") return [...waiting];
  if (step === "switch" && key === "ssh-host-key") return waiting.filter(({ why }) => why === "says-nothing");
  return [];
}

function refusal(leftOut: readonly WaitingParty[]): AppError {
  const names = leftOut.slice(0, MAX_NAMED.refusal).map(({ name, why }) => `${name} (${why})`);
  return new AppError("roll.unconfirmed", { inAll: leftOut.length, waiting: names });
}
