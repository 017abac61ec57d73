import { expect, test } from "vitest";
import { parentClueOf } from "./parent-clue.ts";
import type { ProcessStat } from "./proc-reader.ts";

function stat(rest: Partial<ProcessStat>): ProcessStat {
  return {
    ...{ pid: 50, comm: "x", state: "S", parentPid: 40, session: 40, startTicks: "500", isKernelThread: false },
    ...rest,
  };
}
function known(rest: Partial<ProcessStat>, imageName = "bash") {
  const of = stat({ pid: 40, parentPid: 1, startTicks: "400", ...rest });
  return { key: { boot: "b", pid: of.pid, start: of.startTicks }, stat: of, imageName };
}

test("a parent older than its child, in the same session, started it", () => {
  expect(parentClueOf(stat({}), known({}))).toEqual({ kind: "process", key: { boot: "b", pid: 40, start: "400" } });
});

test.each([
  ["process 1 took it over", stat({ parentPid: 1 }), null],
  ["the parent is gone", stat({}), null],
  ["the parent's pid belongs to a younger process", stat({}), known({ startTicks: "501" })],
  ["a process of another session took it over", stat({ session: 33 }), known({ session: 40 })],
  ["a user's service manager took it over", stat({ session: 50 }), known({}, "systemd")],
  ["the parent lives in another pid namespace", stat({ parentPid: 0 }), null],
])("says that the parent was not observed when %s", (_, child, parent) => {
  const clue = parentClueOf(child, parent);

  expect(clue.kind).toBe("not-observed");
});

test("the first process and the kernel's own have no parent to miss", () => {
  expect(parentClueOf(stat({ pid: 1, parentPid: 0 }), null)).toEqual({ kind: "none" });
  expect(parentClueOf(stat({ parentPid: 2, isKernelThread: true }), null)).toEqual({ kind: "none" });
});
