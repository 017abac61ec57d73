// Builds the two consoles when their sources changed since the last build; a second call takes milliseconds.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const CONSOLES = ["portal-console", "mitigator-console"] as const;

/** @throws when a console does not build; the output of Vite says why. */
export function buildConsoles(): void {
  for (const console of CONSOLES) {
    const directory = join(root, "apps", console);
    const note = join(root, ".cache", "consoles", `${console}.sha256`);
    const wanted = digestOfSources(console);
    const built = existsSync(note) && existsSync(join(directory, "dist", "index.html"));
    if (built && readFileSync(note, "utf8") === wanted) continue;
    process.stderr.write(`Building ${console}…\n`);
    const vite = join(root, "node_modules", "vite", "bin", "vite.js");
    const run = spawnSync(process.execPath, [vite, "build", "--logLevel", "warn"], {
      cwd: directory,
      stdio: ["ignore", process.stderr.fd, process.stderr.fd],
    });
    if (run.status !== 0) throw new Error(`vite build failed in apps/${console}`);
    mkdirSync(dirname(note), { recursive: true });
    writeFileSync(note, wanted);
  }
}

function digestOfSources(console: string): string {
  const hash = createHash("sha256");
  const folders = [`apps/${console}`, "packages/console-kit", "packages/contracts", "packages/records"];
  for (const folder of folders) {
    const files = globSync(`${folder}/{src/**/*,index.html,vite.config.ts,package.json,public/**/*}`, {
      cwd: root,
      withFileTypes: true,
    });
    for (const file of files
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .sort()) {
      hash.update(file.slice(root.length)).update(readFileSync(file));
    }
  }
  return hash.digest("hex");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) buildConsoles();
