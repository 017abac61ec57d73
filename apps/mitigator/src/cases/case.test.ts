import type { CaseState, Turn } from "@tms/records";
import { expect, test } from "vitest";
import { collectingState, isOwnState, turnOf } from "./case.ts";

const NOTHING = { packageReceived: false, uploadBegun: false, orderDelivered: false, endpointConnected: false };

test.each([
  [{}, "endpoint-away"],
  [{ endpointConnected: true }, "collecting"],
  [{ orderDelivered: true }, "collecting"],
  [{ orderDelivered: true, uploadBegun: true }, "package-uploading"],
  [{ packageReceived: true }, "package-uploading"],
] as const)("with %o known, collecting stands at %s", (facts, state) => {
  expect(collectingState({ ...NOTHING, ...facts })).toBe(state);
});

test.each<[CaseState, Turn, boolean]>([
  ["submitted", "portal", true],
  ["collecting", "endpoint", true],
  ["endpoint-away", "endpoint", true],
  ["package-uploading", "endpoint", true],
  ["package-failed", "you", true],
  ["new", "portal", false],
  ["in-analysis", "portal", false],
  ["waits-for-signature", "portal", false],
  ["deploying", "endpoint", false],
  ["closed", "nobody", false],
  ["withdrawn", "nobody", true],
])("a case that is %s waits for %s; reported from here: %s", (state, turn, isOwn) => {
  expect([turnOf(state), isOwnState(state)]).toEqual([turn, isOwn]);
});
