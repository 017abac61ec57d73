import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { ProductId } from "@tms/records";
import { expect, onTestFinished, test } from "vitest";
import { PortalUnderTest } from "../../apps/portal/src/portal-under-test.contract.ts";

// Lower parties of every version that was ever released, at the portal of today: each is a program of its own that
// imports nothing of the product (tests/frozen), and says and checks what was recorded when it was current.

const FROZEN = join(import.meta.dirname, "..", "frozen");
const VERSIONS = (await readdir(FROZEN, { withFileTypes: true })).filter((one) => one.isDirectory());

interface Heard {
  step: string;
  problems: string[];
  heard: { json?: { product?: ProductId } } | null;
}

test.each(VERSIONS.map(({ name }) => name))(
  "what a lower party of %s says is understood as before",
  async (version) => {
    const portal = await PortalUnderTest.start();
    const directory = await mkdtemp(join(tmpdir(), "tms-frozen-"));
    onTestFinished(async () => {
      await portal.close();
      await rm(directory, { recursive: true, force: true });
    });
    const administrator = portal.api(await portal.setUp());
    const customer = await portal.addCustomer(administrator, "Clinic Main");
    const details = await administrator.connectionDetails({ params: { id: customer.id } });
    const place = join(directory, "place.json");
    await writeFile(place, JSON.stringify({ ...details, password: customer.password }));
    const { steps } = JSON.parse(await readFile(join(FROZEN, version, "conversation.json"), "utf8")) as {
      steps: { name: string }[];
    };

    const said: Heard[] = [];
    const client = spawn(process.execPath, [join(FROZEN, version, "client.mjs"), place], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const ended = once(client, "exit");
    for await (const line of createInterface({ input: client.stdout })) {
      const one = JSON.parse(line) as Heard;
      said.push(one);
      const product = one.step === "register" ? one.heard?.json?.product : undefined;
      // Its conversation holds a hint to renew: somebody at the console asks for that.
      if (product !== undefined) await administrator.renewProduct({ params: { id: product } });
    }
    const [code] = await ended;

    expect(said.flatMap(({ step, problems }) => problems.map((problem) => `${step}: ${problem}`))).toEqual([]);
    expect(said.map(({ step }) => step)).toEqual(steps.map(({ name }) => name));
    expect(code).toBe(0);
  },
);

test.each(VERSIONS.map(({ name }) => name))("a lower party of %s notices what would break it", async (version) => {
  const { shapeProblems, sameProblems } = (await import(join(FROZEN, version, "shape.mjs"))) as {
    shapeProblems(recorded: unknown, heard: unknown): string[];
    sameProblems(paths: string[], recorded: unknown, heard: unknown): string[];
  };
  const recorded = {
    outcome: "accepted",
    position: { next: 2, head: null },
    at: "2026-11-24T09:00:00Z",
    rows: [{ a: 1 }],
  };

  const problems = [
    { ...recorded, position: { next: 2, head: null, new: 1 }, new: [] },
    { ...recorded, position: { head: null } },
    { ...recorded, position: null },
    { ...recorded, at: "24 November" },
    { ...recorded, rows: [{ a: 1 }, { a: "1" }] },
  ].map((heard) => shapeProblems(recorded, heard));

  expect(problems).toEqual([
    [],
    ["$.position.next is missing"],
    ["$.position is null instead of a object"],
    ["$.at is text instead of a text that is a instant"],
    ["$.rows[1].a is text instead of a number"],
  ]);
  expect(sameProblems(["outcome"], recorded, { ...recorded, outcome: "fork" })).toHaveLength(1);
});
