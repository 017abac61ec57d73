import { fileURLToPath } from "node:url";
import { type EndpointId, newId, type RecordId, type ThreatId } from "@tms/records";
import { createTestDatabase, TestClock, type TestDatabase } from "@tms/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type CaseTables, createCaseStore } from "./case-store.ts";
import { AT, codeOf } from "./case-under-test.contract.ts";
import { type CaseSubject, createSubmitCase, type SubmitCaseDeps } from "./submit-case.ts";

const MIGRATIONS = [fileURLToPath(new URL("../../migrations", import.meta.url))];
let database: TestDatabase<CaseTables>;

beforeAll(async () => {
  database = await createTestDatabase<CaseTables>({ migrations: MIGRATIONS });
});
afterAll(() => database.drop());

function arrange(over: Partial<CaseSubject> & { portal?: "not-registered" | "sending-disabled"; known?: false } = {}) {
  const cases = createCaseStore(database.databases.app);
  const ordered: string[] = [];
  const event = newId<RecordId>();
  const { portal, known, ...change } = over;
  const subject: CaseSubject = {
    threat: newId<ThreatId>(),
    endpoint: newId<EndpointId>(),
    host: "host-1",
    status: "unresolved-threats-remain",
    unresolved: true,
    events: [event],
    ...change,
  };
  const deps: SubmitCaseDeps = {
    cases,
    subjectOf: async () => (known === false ? null : subject),
    portalState: async () => portal ?? "ready",
    orderCollection: async (one) => void ordered.push(one.id),
    onSubmitted: () => undefined,
    clock: new TestClock(AT),
  };
  const submit = createSubmitCase(deps);
  return { cases, subject, ordered, submit: (openedBy = "ann") => submit({ event, note: "look", openedBy }) };
}

test.each([
  [{ portal: "not-registered" }, "portal.not_registered"],
  [{ portal: "sending-disabled" }, "portal.sending_disabled"],
  [{ known: false }, "event.unknown"],
  [{ unresolved: false }, "case.nothing_unresolved"],
] as const)("with %o a case is refused with %s, kept nowhere, and nothing is collected", async (over, code) => {
  const { cases, subject, ordered, submit } = arrange(over);

  expect(await codeOf(submit())).toBe(code);
  expect(await cases.latestOf(subject.threat)).toBeNull();
  expect(ordered).toEqual([]);
});

test("pressing twice, also at the same moment, opens one case and collects once", async () => {
  const { ordered, submit } = arrange();

  const [one, other] = await Promise.all([submit("ann"), submit("ben")]);
  const third = await submit("cid");

  expect(new Set([one.id, other.id, third.id]).size).toBe(1);
  expect(ordered).toEqual([one.id]);
});
