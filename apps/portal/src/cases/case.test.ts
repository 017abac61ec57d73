import { CASE_STATES, type CaseState } from "@tms/records";
import { expect, test } from "vitest";
import { type CaseStep, stateAfter, stepsAhead, turnOf } from "./case.ts";

test("the straight way leads from submitted to closed", () => {
  const steps: CaseStep[] = [
    { kind: "reported", state: "collecting" },
    { kind: "upload-begun" },
    { kind: "package-complete" },
    { kind: "downloaded" },
    { kind: "drafted" },
    { kind: "issued" },
    { kind: "result", result: "succeeded" },
  ];

  const states: CaseState[] = ["submitted"];
  for (const step of steps) states.push(stateAfter(states.at(-1) ?? "submitted", step) ?? "withdrawn");

  expect(states).toEqual([
    "submitted",
    "collecting",
    "package-uploading",
    "new",
    "package-downloaded",
    "waits-for-signature",
    "deploying",
    "closed",
  ]);
});

test("once the package is here the mitigator's word on collecting changes nothing", () => {
  expect(stateAfter("new", { kind: "reported", state: "collecting" })).toBeNull();
  expect(stateAfter("deploying", { kind: "reported", state: "package-failed" })).toBeNull();
});

test("a cleanup that did not succeed opens the case again", () => {
  expect(stateAfter("deploying", { kind: "result", result: "failed" })).toBe("in-analysis");
  expect(stateAfter("deploying", { kind: "result", result: "partially" })).toBe("in-analysis");
});

test("nothing moves an ended case", () => {
  for (const state of ["closed", "closed-as-clean", "withdrawn"] as const) {
    expect(stateAfter(state, { kind: "issued" })).toBeNull();
    expect(stateAfter(state, { kind: "reported", state: "collecting" })).toBeNull();
  }
});

test("the same step twice changes nothing the second time", () => {
  expect(stateAfter("new", { kind: "package-complete" })).toBeNull();
  expect(stateAfter("deploying", { kind: "issued" })).toBeNull();
});

test("every state says whose turn it is, and the steps ahead end in closed", () => {
  for (const state of CASE_STATES) {
    expect(turnOf(state)).toBeTruthy();
    const ahead = stepsAhead(state);
    expect(ahead.length === 0 || ahead.at(-1) === "closed").toBe(true);
  }
});
