import type { Directive } from "@tms/contracts/link";
import { type DirectiveId, newId } from "@tms/records";
import { expect, test } from "vitest";
import { createDirectiveHandler, type DirectiveWork } from "./directives-wire.ts";
import type { Allowance } from "./pins.ts";

const NOW = new Date("2026-01-01T12:00:00Z");

function handlerFor(allow: Allowance[]) {
  const done: string[] = [];
  const note = (what: string) => async () => {
    done.push(what);
    return { state: "succeeded" };
  };
  const work: DirectiveWork = {
    apply: note("apply"),
    undo: note("undo"),
    collect: async () => void done.push("collect"),
    scan: async () => {
      done.push("scan");
      return "1 file";
    },
    lookForPatterns: async () => void done.push("look"),
    sendNow: () => void done.push("send"),
  };
  return { done, handle: createDirectiveHandler({ allow, work, clock: { now: () => NOW } }) };
}

function directive(kind: Directive["kind"], rest: Partial<Directive> = {}): Directive {
  return { id: newId<DirectiveId>(), kind, expiresAt: "2026-01-01T13:00:00Z", payload: {}, ...rest };
}

test.each(["scan", "collect", "apply-pattern", "undo"] as const)(
  "refuses the order %s that the enrolment token did not allow",
  async (kind) => {
    const { handle, done } = handlerFor(["pause"]);

    await expect(handle(directive(kind))).rejects.toMatchObject({ code: "directive.not_allowed" });

    expect(done).toEqual([]);
  },
);

test("refuses an order whose time is over", async () => {
  const { handle, done } = handlerFor(["scan"]);

  const late = handle(directive("scan", { expiresAt: NOW.toISOString(), payload: { paths: [] } }));

  await expect(late).rejects.toMatchObject({ code: "directive.expired" });
  expect(done).toEqual([]);
});

test.each([
  [
    "a target outside the roles that act",
    "apply-pattern",
    { pattern: "CP-1", version: 1, target: "../x", consent: {} },
  ],
  ["no consent", "apply-pattern", { pattern: "CP-1", version: 1, target: "custom-act/CP-1.json" }],
  ["no threats", "collect", { case: newId(), package: newId(), threats: [], maxBytes: 5000 }],
] as const)("refuses an order with %s", async (_, kind, payload) => {
  const { handle, done } = handlerFor(["cleanup", "collect"]);

  await expect(handle(directive(kind, { payload }))).rejects.toMatchObject({ code: "request.malformed" });

  expect(done).toEqual([]);
});

test("needs no allowance for a hint, and carries orders out one after the other", async () => {
  const { handle, done } = handlerFor(["scan"]);

  const outcomes = await Promise.all([
    handle(directive("look-for-patterns")),
    handle(directive("scan", { payload: { paths: [] } })),
    handle(directive("send-now")),
  ]);

  expect(outcomes.map((outcome) => outcome.ok)).toEqual([true, true, true]);
  expect(done).toEqual(["look", "scan", "send"]);
});
