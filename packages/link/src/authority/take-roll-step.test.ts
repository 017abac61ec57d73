import { expect, test } from "vitest";
import type { KeyRoll, KeyRollState } from "./key-roll.ts";
import { type RollOrder, type RollParty, takeRollStep } from "./take-roll-step.ts";

// Who would be left out, and what the audit log knows of it. The steps themselves: key-roll.test.ts.

const SEEN = new Date("2026-11-24T09:00:00Z");
const knows = (caPins: string[], sshHostKeys: string[]) => ({ caPins, sshHostKeys });
const party = (id: string, change: Partial<RollParty> = {}): RollParty => ({
  id,
  name: `name of ${id}`,
  host: "host-1",
  customer: null,
  lastSeenAt: SEEN,
  trust: knows(["old", "next"], ["old", "next"]),
  ...change,
});

const CONFIRMED = party("confirmed");
const AWAY = party("away", { trust: knows(["old"], ["old"]) });
const FOREIGN = party("foreign", { trust: null });
const UNHEARD = party("unheard", { trust: null, lastSeenAt: null });

/** A roll-over in this phase, which goes on in memory; what was done is listed in order. */
function arrange(phase: KeyRollState["phase"], parties: RollParty[]) {
  const done: unknown[] = [];
  const state = { phase, next: phase === "none" ? null : "next" };
  const step = (name: string, to: KeyRollState["phase"]) => async () => {
    done.push(name);
    state.phase = to;
    if (to === "none") state.next = null;
  };
  const roll: KeyRoll = {
    state: async () => ({ ...state, present: "old", begunAt: null, switchedAt: null }),
    begin: step("begin", "announced"),
    switchOver: step("switch", "switched"),
    retire: step("retire", "none"),
    abandon: step("abandon", "none"),
  };
  const audit = async (action: string, detail: Record<string, unknown>) => void done.push([action, detail]);
  const take = (order: Pick<RollOrder, "key" | "step"> & { force?: boolean }) =>
    takeRollStep({ force: false, by: "host root", ...order }, { roll, audit, parties: async () => parties });
  return { roll, take, done };
}

test("names who has not confirmed, and why", async () => {
  const { take, done } = arrange("announced", [CONFIRMED, AWAY, FOREIGN, UNHEARD]);

  const report = await take({ key: "ca", step: "status" });

  expect(report.confirmed).toBe(1);
  expect(report.waiting.map(({ id, why }) => [id, why])).toEqual([
    ["away", "not-confirmed"],
    ["foreign", "says-nothing"],
    ["unheard", "never-heard"],
  ]);
  expect(done).toEqual([]);
});

test.each([
  ["ca", "switched", "retire", [CONFIRMED], null],
  ["ca", "switched", "retire", [CONFIRMED, AWAY], "roll.unconfirmed"],
  ["ca", "switched", "retire", [FOREIGN], "roll.unconfirmed"],
  ["ca", "switched", "retire", [UNHEARD], "roll.unconfirmed"],
  ["ca", "announced", "switch", [AWAY, FOREIGN], null],
  ["ssh-host-key", "announced", "switch", [AWAY, UNHEARD], null],
  ["ssh-host-key", "announced", "switch", [FOREIGN], "roll.unconfirmed"],
  ["ssh-host-key", "switched", "retire", [AWAY], "roll.unconfirmed"],
] as const)("of the %s that is %s: %s is judged by who would be left out", async (key, phase, step, parties, code) => {
  const { take, done } = arrange(phase, [...parties]);

  const ended = await take({ key, step }).then(
    () => null,
    (error: unknown) => (error as { code: string }).code,
  );

  expect(ended).toBe(code);
  if (code !== null) expect(done).toEqual([]);
});

test("what is forced is in the audit log, with the names, before it is done", async () => {
  const { take, done } = arrange("switched", [CONFIRMED, AWAY]);

  await take({ key: "ca", step: "retire", force: true });

  const leftOut = [{ id: "away", name: "name of away" }];
  expect(done).toEqual([
    ["keys.roll-retired", { key: "ca", present: "old", next: "next", forced: true, leftOut, leftOutInAll: 1 }],
    "retire",
  ]);
});

test("without the audit log nothing is done", async () => {
  const { roll, done } = arrange("none", []);
  const audit = () => Promise.reject(new Error("no database"));

  const failing = takeRollStep(
    { key: "ca", step: "begin", force: false, by: "host root" },
    { roll, audit, parties: async () => [] },
  );

  await expect(failing).rejects.toThrow("no database");
  expect(done).toEqual([]);
});
