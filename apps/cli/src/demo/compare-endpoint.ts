import { existsSync } from "node:fs";
import { digestOf, type Planted } from "./plant/plant.ts";
import { isAlive } from "./plant/process-facts.ts";

/** Compares both sandboxes after the cleanup with what was planted: one sentence for each difference. */
export async function differencesAfterCleanup(planted: Planted): Promise<string[]> {
  const problems: string[] = [];
  if (existsSync(planted.payload.path)) problems.push("the detected file is still in its place");
  const sleeper = planted.processes.find(({ role }) => role === "sleeper");
  if (sleeper !== undefined && (await isAlive(sleeper))) problems.push(`the planted process ${sleeper.pid} still runs`);
  if ((await digestOf(planted.crontab.path)) !== planted.crontab.sha256Before)
    problems.push("the crontab is not, byte for byte, what it was before the planting");
  return [...problems, ...(await differencesOfUntouched(planted))];
}

/** After an undo everything but the ended process stands as the planting left it. */
export async function differencesAfterUndo(planted: Planted): Promise<string[]> {
  const problems: string[] = [];
  if (!existsSync(planted.payload.path)) problems.push("the detected file did not come back");
  else if ((await digestOf(planted.payload.path)) !== planted.payload.sha256)
    problems.push("the detected file came back with other bytes");
  if ((await digestOf(planted.crontab.path)) !== planted.crontab.sha256After)
    problems.push("the crontab did not come back as it was");
  return [...problems, ...(await differencesOfUntouched(planted))];
}

async function differencesOfUntouched(planted: Planted): Promise<string[]> {
  const problems: string[] = [];
  for (const [path, sha256] of Object.entries(planted.untouched)) {
    if (!existsSync(path)) problems.push(`${path} is gone`);
    else if ((await digestOf(path)) !== sha256) problems.push(`${path} has changed`);
  }
  return problems;
}
