// Installs what is missing, before `npm start`, `npm test`, `npm run check`, `npm run sim` and `npm run bench`.
// Plain JavaScript without dependencies: it runs on whatever Node the machine has (>= 20), before Node 24 is there.
// Install scripts stay off by flag; in .npmrc they would also skip our own `prestart`.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const note = join(root, "node_modules", ".tms-installed");
const wanted = createHash("sha256")
  .update(readFileSync(join(root, "package-lock.json")))
  .update(`${process.platform} ${process.arch}`)
  .digest("hex");

if (Number(process.versions.node.split(".")[0]) < 20) fail("Node 20 or later is needed. Install it, then try again.");
if (process.platform !== "linux" || !["x64", "arm64"].includes(process.arch)) {
  fail(`This platform (${process.platform} ${process.arch}) is not supported. Use Linux on x64 or arm64.`);
}
if (!existsSync(note) || readFileSync(note, "utf8") !== wanted) install();

function install() {
  process.stderr.write("Installing packages (about half a minute, 1.3 GB)…\n");
  const npm = process.env.npm_execpath;
  const [command, first] = npm === undefined ? ["npm", []] : [process.execPath, [npm]];
  // Standard output belongs to the command that is being prepared: npm's own goes to standard error.
  const run = spawnSync(command, [...first, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: root,
    stdio: ["ignore", process.stderr.fd, process.stderr.fd],
  });
  if (run.status !== 0) fail("npm ci failed. Look at its output above; check disk space and the package registry.");
  writeFileSync(note, wanted);
}

function fail(sentence) {
  process.stderr.write(`${sentence}\n`);
  process.exit(1);
}
