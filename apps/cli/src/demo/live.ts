import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { pasteableCommands } from "./expert-desk.ts";
import { type Installation, type Ports, setUpPeople, startInstallation } from "./installation.ts";
import { readLogOns } from "./log-ons.ts";
import type { LoopContext } from "./loop-context.ts";
import { demoCeremony } from "./once.ts";
import { endPlanted } from "./plant/plant.ts";
import { LOOP_STEPS, runLoop } from "./run-loop.ts";
import { createSealedTruth } from "./sealed-truth.ts";
import { failureOf, stopped } from "./until.ts";

const STEPS_WITHOUT_EXPERT = LOOP_STEPS.slice(0, 7);

/** `npm start`: the loop as far as the point where a person is the expert (with `auto`, to its end); then it serves. */
export async function runLive(input: {
  dataDir: string;
  seed: number;
  auto: boolean;
  ports: Ports;
  say: (line: string) => void;
  stop: AbortSignal;
}): Promise<void> {
  const { dataDir, seed, auto, ports, say, stop } = input;
  await mkdir(join(dataDir, "out"), { recursive: true });
  const ceremony = await demoCeremony(dataDir);
  const installation = await startInstallation(dataDir, ports, say);
  const planting: LoopContext["planting"] = [];
  try {
    if (stop.aborted) return;
    await setUpPeople(installation);
    await sayLogOns(installation, say);
    const truth = createSealedTruth(join(dataDir, "planter.sealed"));
    const context: LoopContext = { protocol: "ssl", seed, installation, ceremony, truth, planting, found: {} };
    const steps = auto ? LOOP_STEPS : STEPS_WITHOUT_EXPERT;
    const ended = await Promise.race([
      stopped(stop),
      runLoop(context, steps, (step, says) => say(`${step.ok ? "✓" : "✗"} ${step.n}/11 ${says}`)),
    ]);
    if (stop.aborted) return;
    if (ended !== null) {
      const { code, cure } = failureOf(ended.error);
      say(`The loop stopped at “${ended.step}”: ${code}. ${cure}`);
    } else {
      await sayNext(context, { auto, say });
    }
    await stopped(stop);
  } finally {
    say("Stopping.");
    await endPlanted(planting);
    await installation.stop();
  }
}

async function sayLogOns(installation: Installation, say: (line: string) => void): Promise<void> {
  const logOns = await readLogOns(installation.directory);
  say("");
  say(`Portal      ${installation.portalConsole}   admin.owl    ${logOns.portal?.["admin.owl"]}`);
  say(`Mitigator   ${installation.mitigatorConsole}   admin.finch  ${logOns.mitigator?.["admin.finch"]}`);
  say(
    `Log-ons are also in ${join(installation.directory, "log-ons.json")}; both consoles use their own CA, so the browser asks once.`,
  );
  say("");
}

async function sayNext(context: LoopContext, options: { auto: boolean; say: (line: string) => void }): Promise<void> {
  const { say } = options;
  const { portalConsole, mitigatorConsole } = context.installation;
  say("");
  if (options.auto) {
    say(`The loop is closed. The incident: ${portalConsole}/#/incidents/${context.found.incident}`);
  } else {
    say(`Now you are the expert. The case: ${portalConsole}/#/cases/${context.found.case}`);
    for (const { what, lines } of await pasteableCommands(context)) {
      say(`\n  ${what}`);
      for (const line of lines) say(`    ${line}`);
    }
    say("");
    say(`Then watch the cleanup: ${mitigatorConsole}/#/events/${context.found.event}`);
  }
  say("Ctrl-C stops everything; the data stay. npm start -- --fresh begins anew.");
}
