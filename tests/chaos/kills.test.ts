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

// kill -9 of one process after another, each in the middle of a step: the loop still closes, and no record is lost or
// doubled. The fallen process is started again by whoever supervises it, on the data it left.

const KILLED_IN = ["report", "case", "deploy"] as const satisfies readonly LoopStepId[];
const LOOP_MS = 400_000;

const VICTIMS = {
  portal: ({ portal }) => portal.pid(),
  agent: ({ agents }, context) => agents[need(context, "planted").infected]?.pid() ?? 0,
  "event store": ({ stores }) => stores.pids().eventStore,
  mitigator: ({ mitigator }) => mitigator.pid(),
  postgresql: ({ stores }) => stores.pids().postgres,
} as const satisfies Record<string, (installation: Installation, context: LoopContext) => number>;
type Victim = keyof typeof VICTIMS;

/** Who falls in which step: each begins a line of three, over each protocol. Together every victim in every step. */
const ALL_KILLS = (["ssl", "ssh"] as const).flatMap((protocol) =>
  Object.keys(VICTIMS).map((_, shift) => {
    const victims = KILLED_IN.map((__, step) => Object.keys(VICTIMS)[(shift + step) % 5] as Victim);
    return { protocol, victims };
  }),
);
/** Two of the ten reach every victim once and both protocols; all ten take a quarter of an hour (TMS_ALL_KILLS=1). */
const KILLS =
  process.env.TMS_ALL_KILLS === "1"
    ? ALL_KILLS
    : ALL_KILLS.filter(({ protocol, victims: [first] }) => first === (protocol === "ssl" ? "portal" : "mitigator"));

test.each(KILLS.map(({ protocol, victims }) => [protocol, victims.join(", "), victims] as const))(
  "closes the loop over %s although these are killed in the middle of a step each: %s",
  { timeout: LOOP_MS },
  async (protocol, _, victims) => {
    const directory = realpathSync(mkdtempSync(join(tmpdir(), "tms-kill-")));
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
    mkdirSync(join(directory, "out"));
    const said: string[] = [];
    const ceremony = await demoCeremony(directory);
    const installation = await startInstallation(directory, ANY_PORTS, (line) => said.push(line));
    onTestFinished(() => installation.stop());
    await setUpPeople(installation);
    const truth = createSealedTruth(join(directory, "planter.sealed"));
    const context: LoopContext = { protocol, seed: 11, installation, ceremony, truth, planting: [], found: {} };
    const killed: number[] = [];
    const steps = LOOP_STEPS.map((step) => {
      const victim = victims[(KILLED_IN as readonly LoopStepId[]).indexOf(step.id)];
      return victim === undefined ? step : { ...step, run: killingIn(step.run, victim, killed) };
    });

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
function killingIn(run: (context: LoopContext) => Promise<void>, victim: Victim, killed: number[]) {
  return async (context: LoopContext) => {
    let done = false;
    const killOnce = () => {
      const pid = VICTIMS[victim](context.installation, context);
      // It may not have been started yet: then the next look is early enough.
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
