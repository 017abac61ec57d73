import { execFile, execFileSync } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ApiError } from "@tms/contracts";
import { AppError, type ErrorCode } from "@tms/records";
import { expect, onTestFinished, test } from "vitest";
import { failureOf } from "./failure-line.ts";
import { readInput, replaceFile, writeNew } from "./files.ts";

const MAIN = join(import.meta.dirname, "..", "main.ts");

async function scratch(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "shell-test-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** The real command in a process of its own. */
function tms(...argv: string[]): Promise<{ exit: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, ...argv], (error, stdout, stderr) => {
      resolve({ exit: typeof error?.code === "number" ? error.code : 0, stdout, stderr });
    });
  });
}

test("a process's standard output is one line of JSON and its exit code the line's own, also if no server started", async () => {
  const file = join(await scratch(), "log.json");
  const entry = { at: "2026-11-24T08:00:00.000Z", who: "anna", action: "downloaded", detail: "", hash: "0".repeat(64) };
  await writeFile(file, JSON.stringify([entry]));

  const servers = ["portal", "mitigator", "agent"].map((name) => tms(name, "--config", "/nowhere/tms.json"));
  const ends = await Promise.all([tms("verify", file), tms("portal"), ...servers]);

  const lines = ends.map(({ stdout }) => stdout.split("\n"));
  expect(lines.map(({ length }) => length)).toEqual([2, 2, 2, 2, 2]);
  const told = lines.map(([line = ""]) => JSON.parse(line) as Record<string, unknown>);
  expect(ends.map(({ exit }) => exit)).toEqual([1, 2, 2, 2, 2]);
  expect(told).toMatchObject([
    { schema: "tms.verify/1", ok: false, code: "verify.chain_broken" },
    { schema: "tms.process/1", ok: false, code: "cli.usage" },
    { schema: "tms.process/1", ok: false, code: "start.config_invalid" },
    { schema: "tms.process/1", ok: false, code: "start.config_invalid" },
    { schema: "tms.process/1", ok: false, code: "start.config_invalid" },
  ]);
});

const problem = (status: number) =>
  new ApiError({ status, title: "Text", code: "case.unknown", cure: "Cure", requestId: "r-1" });

test.each<[string, unknown, number, string]>([
  ["a wrong call", new AppError("cli.usage"), 2, "cli.usage"],
  ["an input that cannot be read", new AppError("cli.input_unreadable"), 2, "cli.input_unreadable"],
  ["a passphrase that does not open", new AppError("keys.passphrase_wrong"), 2, "keys.passphrase_wrong"],
  ["a judgement", new AppError("package.hash_mismatch"), 1, "package.hash_mismatch"],
  ["a portal that refuses", problem(404), 1, "case.unknown"],
  ["a portal that fails", problem(503), 3, "case.unknown"],
  ["a portal that is not reached", new AppError("link.unreachable"), 3, "link.unreachable"],
  ["a scanner that fell", new AppError("scan.engine_failed"), 3, "scan.engine_failed"],
  ["an error that nobody foresaw", new TypeError("x is not a function"), 3, "server.internal"],
  ["something thrown that is no error", "text", 3, "server.internal"],
])("%s ends with its own exit code, and its line says code, text and cure", (_what, error, exit, code) => {
  const result = failureOf({ schema: "tms.test/1" }, error);

  expect(result).toMatchObject({ exit, line: { schema: "tms.test/1", ok: false, code } });
  expect(result.line).toMatchObject({ text: expect.stringMatching(/./), cure: expect.stringMatching(/./) });
});

test("a failure's line holds neither its cause nor a stack", () => {
  const cause = new Error("the passphrase is hunter2");
  const code: ErrorCode = "keys.unreadable";

  const lines = [new AppError(code, { path: "a" }, { cause }), new Error("outer", { cause })].map((error) =>
    JSON.stringify(failureOf({ schema: "tms.test/1" }, error).line),
  );

  expect(lines.filter((line) => /hunter2|\.ts:|node_modules/.test(line))).toEqual([]);
});

test("an input is bounded by what is read of it, whatever its size says", async () => {
  const directory = await scratch();
  await writeFile(join(directory, "ten"), "0123456789");

  expect((await readInput(join(directory, "ten"), { maxBytes: 10 })).toString("utf8")).toBe("0123456789");
  for (const path of [join(directory, "none"), directory, join(directory, "ten"), "/dev/zero"]) {
    await expect(readInput(path, { maxBytes: 9 })).rejects.toMatchObject({ code: "cli.input_unreadable" });
  }
});

test("a pipe is read as a file is", async () => {
  const fifo = join(await scratch(), "fifo");
  execFileSync("mkfifo", [fifo]);

  const [bytes] = await Promise.all([readInput(fifo, { maxBytes: 100 }), writeFile(fifo, "a passphrase\n")]);

  expect(bytes.toString("utf8")).toBe("a passphrase\n");
});

test("nothing is written over another file, and what a crash left does not stop a file from being replaced", async () => {
  const directory = await scratch();
  const path = join(directory, "check.json");
  await writeFile(path, "before");
  await writeFile(`${path}.new`, "half of what");

  await expect(writeNew(path, "over it")).rejects.toMatchObject({ code: "cli.output_exists" });
  const kept = await readFile(path, "utf8");
  await replaceFile(path, "after");

  expect([kept, await readFile(path, "utf8")]).toEqual(["before", "after"]);
  expect(await readdir(directory)).toEqual(["check.json"]);
});
