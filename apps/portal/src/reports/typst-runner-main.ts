import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { NodeCompiler } from "@myriaddreamin/typst-ts-node-compiler";

// The child process that sets one PDF and ends: a native crash or a hang costs one report, never the portal.
// Arguments: the workspace (a fresh 0700 folder with main.typ and data.json), the standard, then the font files.

const [workspace, standard, ...fonts] = process.argv.slice(2);
if (workspace === undefined || standard === undefined) {
  process.stderr.write("usage: typst-runner-main WORKSPACE STANDARD FONT…\n");
  process.exit(2);
}
const compiler = NodeCompiler.create({
  workspace,
  fontArgs: [{ fontBlobs: fonts.map((font) => readFileSync(font)) }],
});
try {
  const compiled = compiler.compile({ mainFilePath: join(workspace, "main.typ") });
  const document = compiled.result;
  if (document === null) throw new Error(JSON.stringify(compiled.takeError()?.shortDiagnostics ?? "no document"));
  const options = standard === "a-2a" ? { pdfStandard: "a-2a", pdfTags: true } : { pdfStandard: "1.7" };
  writeFileSync(join(workspace, "report.pdf"), compiler.pdf(document, options as Parameters<typeof compiler.pdf>[1]));
} catch (error) {
  process.stderr.write(error instanceof Error ? error.message : String(error));
  process.exit(1);
}
process.exit(0);
