import { linkSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

// The attacker of cleanup-race.test.ts: changes what a name means as fast as it can, until it is killed.

const [mode = "", folder = ""] = process.argv.slice(2);
const attempts = { failed: 0 };
process.send?.("running");
for (;;) {
  try {
    if (mode === "parent") swapParent();
    else swapName();
  } catch {
    // The agent moved something between two of our calls; the driver only has to go on. Counted for the debugger.
    attempts.failed += 1;
  }
}

function swapParent(): void {
  renameSync(join(folder, "place"), join(folder, "aside"));
  symlinkSync(join(folder, "canary"), join(folder, "place"));
  rmSync(join(folder, "place"));
  renameSync(join(folder, "aside"), join(folder, "place"));
}

function swapName(): void {
  const name = join(folder, "place", "target");
  writeFileSync(join(folder, "place", "fresh"), "victim");
  renameSync(join(folder, "place", "fresh"), name);
  rmSync(name, { force: true });
  symlinkSync(join(folder, "canary", "target"), name);
  rmSync(name, { force: true });
  linkSync(join(folder, "canary", "target"), name);
  rmSync(name, { force: true });
}
