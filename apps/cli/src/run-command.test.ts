import { expect, test } from "vitest";
import { runCommand } from "./run-command.ts";

const said = (argv: string[]) => {
  const sentences: string[] = [];
  const io = { say: (line: string) => sentences.push(line), now: () => new Date(0), signal: AbortSignal.abort() };
  return runCommand(argv, io).then((result) => ({ ...result, sentences }));
};

test.each([["doctors", "--json"], ["chain"], ["bogus"]])(
  "says of %s that this version has no such command",
  async (...argv) => {
    const { exit, line, sentences } = await said(argv);

    expect({ exit, code: line.code, ok: line.ok }).toEqual({ exit: 2, code: "cli.command_unknown", ok: false });
    expect(sentences).toEqual([expect.stringContaining(`This version has no such command.`)]);
  },
);

test("shows the usages of the same first word", async () => {
  const { sentences } = await said(["pattern"]);

  expect(sentences.slice(1).every((line) => line.startsWith("Usage: tms pattern "))).toBe(true);
  expect(sentences).toHaveLength(5);
});

test("names what is missing, to a person as well", async () => {
  const { exit, sentences } = await said(["keys", "customer"]);

  expect(exit).toBe(2);
  expect(sentences[0]).toContain("missing: --out");
});

test("lists the servers and the demo among the commands", async () => {
  const { line } = await said(["help"]);

  const names = (line.commands as { name: string }[]).map(({ name }) => name);
  expect(names).toEqual(expect.arrayContaining(["portal", "mitigator", "agent", "demo", "verify"]));
});
