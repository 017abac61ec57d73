import {
  type CaseId,
  type EndpointId,
  MITIGATION_STATUS_TABLE,
  MITIGATION_STATUSES,
  newId,
  type ThreatId,
} from "@tms/records";
import { describe, expect, test } from "vitest";
import { consentsByPolicy } from "./mitigation-settings.ts";
import { countTasks, type ThreatFacts, taskOf } from "./task.ts";

describe("tasks", () => {
  const facts = (change: Partial<ThreatFacts> = {}): ThreatFacts => ({
    threat: newId<ThreatId>(),
    endpoint: newId<EndpointId>(),
    status: "unresolved-threats-remain",
    openCase: null,
    waitsForOrder: false,
    ...change,
  });
  const open = { id: newId<CaseId>(), shortId: "C-1", state: "in-analysis" as const };

  test("every status that needs action has a task, and no other has", () => {
    const withTask = MITIGATION_STATUSES.filter((status) => taskOf(facts({ status })) !== null);

    expect(withTask).toEqual(MITIGATION_STATUSES.filter((status) => MITIGATION_STATUS_TABLE[status].needsAction));
  });

  test("with a case open it is the portal's turn, until a pattern waits for the order", () => {
    const inAnalysis = taskOf(facts({ openCase: open }));
    const waiting = taskOf(facts({ openCase: open, status: "manual-cleanup-needed", waitsForOrder: true }));

    expect([inAnalysis, waiting]).toEqual([null, "custom-cleanup"]);
  });

  test("counts each threat once", () => {
    const counts = countTasks([
      facts(),
      facts({ openCase: open }),
      facts({ status: "cleaning" }),
      facts({ status: "manual-cleanup-needed" }),
      facts({ status: "manual-cleanup-needed", waitsForOrder: true }),
      facts({ status: "waiting-for-restart" }),
      facts({ status: "timeout" }),
      facts({ status: "all-threats-resolved" }),
    ]);

    expect(counts).toEqual({
      requireCleanup: 1,
      requireCustomCleanup: 1,
      requireRestart: 1,
      scanProblems: 1,
      unresolvedSubmitCase: 1,
      inMitigation: 1,
    });
  });

  test("only automatic deployment together with cleaning consents without a person", () => {
    const consenting = (["assess-only", "assess-and-clean"] as const).flatMap((onThreat) =>
      (["automatic", "by-hand"] as const)
        .filter((onPattern) => consentsByPolicy({ onThreat, onPattern }))
        .map((onPattern) => `${onThreat} ${onPattern}`),
    );

    expect(consenting).toEqual(["assess-and-clean automatic"]);
  });
});
