import type { ChainView } from "@tms/contracts";
import type { ChainId } from "@tms/records";
import { expect, test } from "vitest";
import { differencesOfChain } from "./compare-chain.ts";
import type { Planted } from "./plant/plant.ts";

const AT = "2026-11-24T09:00:00.000Z";

test("finds no difference in a chain that tells what was planted", () => {
  expect(differencesOfChain(chain(), planted())).toEqual([]);
});

test("names a missing process, a missing edge and a wrong first cause", () => {
  const told = chain();
  const wrong = {
    ...told,
    nodes: told.nodes.filter(({ id }) => id !== "p-sleeper"),
    edges: told.edges.filter(({ kind }) => kind !== "persisted"),
    rootCause: "p-script",
  };

  const problems = differencesOfChain(wrong, planted());

  expect(problems).toContain("the chain lacks the sleeper (pid 13)");
  expect(problems).toContain("the chain does not say that p-script persisted line");
  expect(problems).toContain("the first cause is not the downloader");
});

test("does not take another process with the same pid for the planted one", () => {
  const told = chain();
  const nodes = told.nodes.map((node) =>
    node.id === "p-sleeper" ? { ...node, startedAt: "2026-11-24T08:00:00Z" } : node,
  );

  const problems = differencesOfChain({ ...told, nodes }, planted());

  expect(problems).toContain("the chain lacks the sleeper (pid 13)");
  expect(problems).toContain("the chain accuses pid 13 (/usr/bin/sleep), which was not planted");
});

function planted(): Planted {
  const process = (role: string, pid: number) => ({ role, pid, startTicks: String(pid), startedAt: AT });
  return {
    schema: "tms.planted/1",
    seed: 1,
    infected: 0,
    marker: "m",
    sandbox: "/s",
    processes: [process("downloader", 11), process("script-1", 12), process("sleeper", 13)],
    scripts: ["/s/a.sh"],
    payload: { path: "/s/p", sha256: "" },
    crontab: { path: "/s/c", line: "@reboot /bin/sh /s/a.sh", sha256Before: "", sha256After: "" },
    untouched: {},
  };
}

function chain(): ChainView {
  const process = (id: string, pid: number, image: string) =>
    ({ id, kind: "process", pid, image, startedAt: AT, quality: "snapshot" }) as const;
  return {
    id: "0" as ChainId,
    nodes: [
      process("p-downloader", 11, "/bin/sh"),
      process("p-script", 12, "/bin/sh"),
      process("p-sleeper", 13, "/usr/bin/sleep"),
      { id: "script", kind: "file", path: "/s/a.sh", quality: "inferred" },
      { id: "payload", kind: "file", path: "/s/p", quality: "inferred" },
      { id: "line", kind: "persistence", path: "/s/c", line: "@reboot /bin/sh /s/a.sh", quality: "observed" },
    ],
    edges: [
      { from: "p-downloader", to: "script", kind: "wrote", quality: "inferred" },
      { from: "script", to: "p-script", kind: "executed", quality: "inferred" },
      { from: "p-downloader", to: "p-script", kind: "started", quality: "observed" },
      { from: "p-script", to: "payload", kind: "wrote", quality: "inferred" },
      { from: "p-script", to: "p-sleeper", kind: "started", quality: "observed" },
      { from: "p-script", to: "line", kind: "persisted", quality: "inferred" },
    ],
    rootCause: "p-downloader",
    rootCauseReason: "",
    path: ["p-downloader", "script", "p-script", "payload"],
  };
}
