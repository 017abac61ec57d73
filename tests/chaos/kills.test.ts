import { mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ProductId } from "@tms/records";
import { expect, onTestFinished, test } from "vitest";
import { ANY_PORTS, type Installation, setUpPeople, startInstallation } from "../../apps/cli/src/demo/installation.ts";
import { type LoopContext, need } from "../../apps/cli/src/demo/loop-context.ts";
import { demoCeremony } from "../../apps/cli/src/demo/once.ts";
import { LOOP_STEPS, type LoopStepId, runLoop } from "../../apps/cli/src/demo/run-loop.ts";
import { createSealedTruth } from "../../apps/cli/src/demo/sealed-truth.ts";
import { until } from "../../apps/cli/src/demo/until.ts";

// kill -9 of one process in the middle of three steps of a whole loop: the loop still closes, and no record is lost or
// doubled. The fallen process is started again by whoever supervises it, on the data it left.

const KILLED_IN: readonly LoopStepId[] = ["report", "case", "deploy"];
const LOOP_MS = 400_000;

const VICTIMS: Record<string, (installation: Installation, context: LoopContext) => number> = {
  portal: ({ portal }) => portal.pid(),
  mitigator: ({ mitigator }) => mitigator.pid(),
  agent: ({ agents }, context) => agents[need(context, "planted").infected]?.pid() ?? 0,
  "event store": ({ stores }) => stores.pids().eventStore,
  postgresql: ({ stores }) => stores.pids().postgres,
};

test.each(Object.keys(VICTIMS))(
  "closes the loop although the %s is killed in the middle of three steps",
  { timeout: LOOP_MS },
  async (victim) => {
    const directory = realpathSync(mkdtempSync(join(tmpdir(), "tms-kill-")));
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
    mkdirSync(join(directory, "out"));
    const said: string[] = [];
    const ceremony = await demoCeremony(directory);
    const installation = await startInstallation(directory, ANY_PORTS, (line) => said.push(line));
    onTestFinished(() => installation.stop());
    await setUpPeople(installation);
    const truth = createSealedTruth(join(directory, "planter.sealed"));
    const context: LoopContext = { protocol: "ssl", seed: 11, installation, ceremony, truth, planting: [], found: {} };
    const killed: number[] = [];
    const steps = LOOP_STEPS.map((step) =>
      KILLED_IN.includes(step.id) ? { ...step, run: killingIn(step.run, victim, killed) } : step,
    );

    const failure = await runLoop(context, steps as unknown as typeof LOOP_STEPS, () => {});

    expect(failure, said.join("\n")).toBeNull();
    expect(new Set(killed).size).toBe(KILLED_IN.length);
    const complete = await until("every record, once", 30, async () => {
      const { completeness } = await installation.atPortal.getProduct({
        params: { id: need(context, "product") as ProductId },
      });
      const busy = completeness.filter(({ sent }) => sent !== null && sent > 0);
      return busy.every(
        ({ sent, received, distinctIndexed, repeated }) => received === sent && distinctIndexed + repeated === sent,
      )
        ? busy
        : null;
    });
    expect(complete.flatMap(({ gaps }) => gaps)).toEqual([]);
    expect(complete.length).toBeGreaterThanOrEqual(2);
  },
);

/**
 * Runs a step and kills the victim when the step first asks the portal how far things are: what the step set going is
 * under way then, and the asking itself is tried again.
 */
function killingIn(run: (context: LoopContext) => Promise<void>, victim: string, killed: number[]) {
  return async (context: LoopContext) => {
    let done = false;
    const killOnce = () => {
      const pid = VICTIMS[victim]?.(context.installation, context) ?? 0;
      // The one killed in the step before may still be on its way back: then the next look is early enough.
      if (done || pid <= 1 || killed.includes(pid)) return;
      done = true;
      process.kill(pid, "SIGKILL");
      killed.push(pid);
    };
    const atPortal = new Proxy(context.installation.atPortal, {
      get: (portal, name, receiver) => {
        killOnce();
        return Reflect.get(portal, name, receiver);
      },
    });
    await run({ ...context, installation: { ...context.installation, atPortal } });
  };
}
