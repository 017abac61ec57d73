import { openWorld, patternOf, sight, wholeCleanup } from "./cleanup-world.contract.ts";

// A process for cleanup-crash.test.ts: cleans (and undoes) in a world that exists, and kills itself at a named point.

const [root = "", mode = "", point = "", line = ""] = process.argv.slice(2);
let isArmed = mode === "run";
const world = openWorld(root, (name) => {
  if (isArmed && name === point) process.kill(process.pid, "SIGKILL");
});
const pattern = patternOf(wholeCleanup(world.sandbox, line));
await world.runner.run({ pattern, directive: "d1", look: sight() });
isArmed = true;
if (mode === "undo") await world.runner.undo(pattern.manifest.id, 1);
