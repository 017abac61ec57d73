import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { expect, onTestFinished, test } from "vitest";

// The product from outside: `npm start -- --once` as its users type it, judged by the line it prints.

const ROOT = join(import.meta.dirname, "..", "..");
const STEPS = [
  "register",
  "heartbeat",
  "detect",
  "explain",
  "assess",
  "report",
  "case",
  "answer",
  "deploy",
  "clean",
  "tell",
];
/** Two runs of under a minute each, on a machine that runs other tests beside it. */
const ONCE_MS = 240_000;

interface OnceLine {
  schema: string;
  ok: boolean;
  seed: number;
  runs: {
    protocol: string;
    steps: { id: string; ok: boolean; ms: number }[];
    ids: Record<string, string>;
    streams: { stream: string; sent: number; received: number; distinctIndexed: number; gaps: number }[];
    endpoints: { id: string; infected: boolean; patternRequests: number; deployment: string | null }[];
    undo: { changed: number; identical: boolean };
    report: { html: string; pdf: string };
  }[];
  failed: unknown;
  left: { processes: number; ports: number };
}

test.each([1, 4242])(
  "closes the whole loop over SSH and over SSL with seed %i",
  { timeout: ONCE_MS + 10_000 },
  async (seed) => {
    const dataDir = mkdtempSync(join(tmpdir(), "tms-once-"));
    onTestFinished(() => rmSync(dataDir, { recursive: true, force: true }));

    const { code, line, err } = await startOnce(seed, dataDir);

    expect(line.failed, err).toBeNull();
    expect({ code, ok: line.ok, schema: line.schema, left: line.left }).toEqual({
      code: 0,
      ok: true,
      schema: "tms.once/1",
      left: { processes: 0, ports: 0 },
    });
    expect(line.runs.map(({ protocol }) => protocol)).toEqual(["ssh", "ssl"]);
    for (const run of line.runs) {
      expect(run.steps.filter(({ ok }) => ok).map(({ id }) => id)).toEqual(STEPS);
      expect(Object.values(run.ids).every((id) => id !== "")).toBe(true);
      for (const { sent, received, distinctIndexed, gaps } of run.streams) {
        expect(sent).toBeGreaterThan(0);
        expect({ received, distinctIndexed, gaps }).toEqual({ received: sent, distinctIndexed: sent, gaps: 0 });
      }
      expect(run.endpoints.find(({ infected }) => infected)).toMatchObject({
        patternRequests: 1,
        deployment: "succeeded",
      });
      expect(run.endpoints.find(({ infected }) => !infected)).toMatchObject({ patternRequests: 0, deployment: null });
      expect(run.undo.changed).toBeGreaterThan(0);
      expect(run.undo.identical).toBe(true);
      expect(readFileSync(run.report.pdf).subarray(0, 5).toString()).toBe("%PDF-");
      expect(readFileSync(run.report.html, "utf8")).not.toContain("<script");
    }
  },
);

async function startOnce(seed: number, dataDir: string): Promise<{ code: number | null; line: OnceLine; err: string }> {
  const main = join(ROOT, "apps/cli/src/main.ts");
  const child = spawn(process.execPath, [main, "demo", "--once", "--plant-seed", String(seed)], {
    env: { ...process.env, TMS_DATA_DIR: dataDir },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: ONCE_MS,
  });
  const ended = once(child, "exit") as Promise<[number | null]>;
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { code, line: JSON.parse(out.trim().split("\n").at(-1) ?? "") as OnceLine, err };
}
