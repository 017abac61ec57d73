import { spawn } from "node:child_process";
import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { AppError } from "@tms/records";
import type { Report } from "./incident-report.ts";
import { visibleCodePoint } from "./visible-text.ts";

// PDF by Typst in a child process (notes/recipes.md).
// T1  Data go in as a JSON file; nothing from outside is ever Typst source.
// T2  The workspace is a fresh 0700 folder; fonts are an explicit list of our own.
// T3  A character without a glyph stops PDF/A: it is escaped and tried again; at last PDF 1.7 is made, and said so.

const RUNNER = fileURLToPath(new URL("./typst-runner-main.ts", import.meta.url));
const TEMPLATE = fileURLToPath(new URL("./incident-report.typ", import.meta.url));
/** A report of 82 pages took 2.3 s; a hang ends here. */
const DEADLINE_MS = 60_000;
/** Each try may name one more character; a report made of strange ones falls back. */
const MAX_ESCAPES = 24;
const MAX_STDERR_BYTES = 65_536;

export interface TypesetPdf {
  pdf: Buffer;
  /** null, or why the archive standard could not be kept. */
  note: string | null;
}

/** @throws {AppError} `report.failed` when even the plain standard does not work. */
export async function typesetPdf(report: Report): Promise<TypesetPdf> {
  const workspace = await mkdtemp(join(tmpdir(), "tms-report-"));
  try {
    await copyFile(TEMPLATE, join(workspace, "main.typ"));
    let data = JSON.stringify(report);
    for (let tries = 0; tries < MAX_ESCAPES; tries += 1) {
      const problem = await run(workspace, data, "a-2a");
      if (problem === null) return { pdf: await readFile(join(workspace, "report.pdf")), note: null };
      const escaped = escapeNamed(data, problem);
      if (escaped === data) break;
      data = escaped;
    }
    const problem = await run(workspace, data, "1.7");
    if (problem !== null) throw new AppError("report.failed", { problem: problem.slice(0, 2000) });
    const note = "Made as plain PDF: a character in it has no place in the archive standard PDF/A-2a.";
    return { pdf: await readFile(join(workspace, "report.pdf")), note };
  } finally {
    await rm(workspace, { recursive: true, force: true });
  }
}

/** Escapes the character that the compiler named as having no glyph; the same data if it named none. */
function escapeNamed(data: string, problem: string): string {
  const byCode = /U\+([0-9A-Fa-f]{4,6})/.exec(problem)?.[1];
  const quoted = /(?:codepoint|character|text) ['"“](.)['"”]/u.exec(problem)?.[1];
  const codePoint = byCode === undefined ? quoted?.codePointAt(0) : Number.parseInt(byCode, 16);
  if (codePoint === undefined || codePoint < 0x80) return data;
  return data.replaceAll(String.fromCodePoint(codePoint), visibleCodePoint(codePoint));
}

async function run(workspace: string, data: string, standard: "a-2a" | "1.7"): Promise<string | null> {
  await writeFile(join(workspace, "data.json"), data, { mode: 0o600 });
  const child = spawn(process.execPath, [RUNNER, workspace, standard, ...fontFiles()], {
    stdio: ["ignore", "ignore", "pipe"],
    env: { PATH: process.env.PATH ?? "" },
  });
  const timer = setTimeout(() => child.kill("SIGKILL"), DEADLINE_MS);
  let stderr = "";
  child.stderr.setEncoding("utf8");
  child.stderr.on("data", (chunk: string) => {
    if (stderr.length < MAX_STDERR_BYTES) stderr += chunk;
  });
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", resolve);
    });
    return code === 0 ? null : stderr || `the compiler ended with ${code}`;
  } finally {
    clearTimeout(timer);
  }
}

function fontFiles(): string[] {
  const require = createRequire(import.meta.url);
  return ["400Regular/NotoSans_400Regular.ttf", "700Bold/NotoSans_700Bold.ttf"].map((file) =>
    require.resolve(`@expo-google-fonts/noto-sans/${file}`),
  );
}
