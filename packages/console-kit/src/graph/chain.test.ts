import type { ChainView } from "@tms/contracts";
import type { ChainId } from "@tms/records";
import { expect, test } from "vitest";
import { moveIn, nameOf, sentenceOf, shownPart } from "./chain-story.ts";
import { layoutChain, SPINE_X } from "./layout-chain.ts";
import { startsAgain } from "./starts-again.ts";

const chain: ChainView = {
  id: "00000000-0000-7000-8000-000000000001" as ChainId,
  nodes: [
    { id: "unseen", kind: "not-observed", quality: "inferred", reason: "older than the record" },
    { id: "script", kind: "process", image: "/tmp/open.sh", quality: "observed", startedAt: "2026-11-24T08:40:52Z" },
    { id: "file", kind: "file", path: "/tmp/helper", quality: "observed" },
    { id: "other", kind: "file", path: "/tmp/harmless", quality: "observed" },
    { id: "net", kind: "network", remote: "203.0.113.7:443", quality: "observed" },
    { id: "hit", kind: "process", image: "/tmp/helper", quality: "snapshot", detected: true },
  ],
  edges: [
    { from: "unseen", to: "script", kind: "started", quality: "inferred" },
    { from: "script", to: "file", kind: "wrote", quality: "observed", at: "2026-11-24T08:40:58Z" },
    { from: "script", to: "other", kind: "wrote", quality: "observed" },
    { from: "script", to: "net", kind: "connected", quality: "observed" },
    { from: "file", to: "hit", kind: "executed", quality: "inferred" },
  ],
  rootCause: "script",
  rootCauseReason: "nothing before it was seen",
  path: ["script", "file", "hit"],
};
const all = new Set(chain.nodes.map((node) => node.id));

test("the path view keeps the unseen origin and the connection, and folds harmless files", () => {
  const shown = shownPart(chain, "path");

  expect(shown.nodes.map((node) => node.id)).toEqual(["unseen", "script", "file", "net", "hit"]);
  expect(shown.folded).toBe(1);
});

test("time runs downwards on one spine, and what branches off stands to its right on the row of its cause", () => {
  const places = layoutChain({
    nodes: chain.nodes.map((node) => ({ id: node.id, height: 50, at: node.startedAt ?? null })),
    edges: chain.edges,
    path: ["unseen", ...chain.path],
  });

  const ys = ["unseen", "script", "file", "hit"].map((id) => places[id]?.y ?? Number.NaN);
  expect(ys).toEqual([...ys].sort((left, right) => left - right));
  expect(new Set(ys).size).toBe(4);
  for (const id of ["unseen", "script", "file", "hit"]) expect(places[id]?.x).toBe(SPINE_X);
  expect(places.other?.y).toBe(places.script?.y);
  expect(places.net?.x).toBeGreaterThan(SPINE_X);
});

test("a cycle in the records does not stop the layout", () => {
  const places = layoutChain({
    nodes: ["a", "b"].map((id) => ({ id, height: 50, at: null })),
    edges: [
      { from: "a", to: "b" },
      { from: "b", to: "a" },
    ],
    path: ["a", "b"],
  });

  expect(Object.keys(places).sort()).toEqual(["a", "b"]);
});

test("keys lead along the chain, into branches and back", () => {
  expect(moveIn(chain, all, "script", "down")).toBe("file");
  expect(moveIn(chain, all, "script", "up")).toBe("unseen");
  expect(moveIn(chain, all, "script", "right")).toBe("other");
  expect(moveIn(chain, all, "other", "down")).toBe("net");
  expect(moveIn(chain, all, "net", "left")).toBe("script");
  expect(moveIn(chain, all, "hit", "home")).toBe("script");
  expect(moveIn(chain, all, "script", "end")).toBe("hit");
});

test("a node's name for screen readers is its sentence", () => {
  const file = chain.nodes[2];

  const sentence = file === undefined ? "" : sentenceOf(file, chain, () => "09:40:58");

  expect(sentence).toBe("helper, file, written by open.sh at 09:40:58");
});

test.each([
  [{ image: "/usr/bin/dash", commandLine: "/bin/sh /var/tmp/build/open-3.sh now" }, "open-3.sh"],
  [{ image: "/usr/bin/dash", commandLine: "/bin/sh -s mail-sync" }, "dash -s mail-sync"],
  [{ image: "/usr/bin/sleep", commandLine: "sleep 900" }, "sleep"],
  [{ image: "/usr/bin/dash" }, "dash"],
  [{ pid: 7 }, "pid 7"],
])("a process of %j is called %s", (process, name) => {
  const called = nameOf({ id: "p", kind: "process", quality: "observed", ...process });

  expect(called).toBe(name);
});

test("an entry leads back to what its line would start again, not to the shell that runs it", () => {
  const shell = { id: "sh", kind: "process" as const, image: "/usr/bin/dash", quality: "observed" as const };
  const entry = { id: "entry", kind: "persistence" as const, quality: "observed" as const };
  const withLine = (line: string): ChainView => ({ ...chain, nodes: [...chain.nodes, shell, { ...entry, line }] });

  expect(startsAgain(withLine("@reboot /usr/bin/dash /tmp/helper"))).toEqual([
    { from: "entry", to: "hit", atBoot: true },
  ]);
  expect(startsAgain(withLine("5 * * * * /tmp/open.sh"))).toEqual([{ from: "entry", to: "script", atBoot: false }]);
  expect(startsAgain(withLine("@reboot /usr/bin/dash /tmp/elsewhere"))).toEqual([]);
});
