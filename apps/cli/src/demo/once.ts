import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { CustomerId, PatternId, ProductId } from "@tms/records";
import { type Ceremony, holdCeremony } from "./ceremony.ts";
import { ANY_PORTS, type Installation, setUpPeople, startInstallation } from "./installation.ts";
import { leftBehind } from "./left-behind.ts";
import { rememberedPassword } from "./log-ons.ts";
import { type LoopContext, need } from "./loop-context.ts";
import { endPlanted } from "./plant/plant.ts";
import { LOOP_STEPS, runLoop, type StepResult } from "./run-loop.ts";
import { createSealedTruth } from "./sealed-truth.ts";
import { undo } from "./steps-answer.ts";
import { failureOf } from "./until.ts";

type Protocol = LoopContext["protocol"];

interface Failure {
  protocol: Protocol;
  step: string;
  code: string;
  cure: string;
}

/**
 * Runs the whole loop over SSH and over SSL, each with a portal of its own in a sub-directory.
 *
 * @returns The object of `commands.md`, `tms.once/1`.
 */
export async function runOnce(input: { dataDir: string; seed: number; say: (line: string) => void }) {
  const { dataDir, seed, say } = input;
  const runs: object[] = [];
  let failed: Failure | null = null;
  for (const protocol of ["ssh", "ssl"] as const) {
    say(`${protocol.toUpperCase()}, seed ${seed}`);
    const { run, failure } = await runProtocol({ directory: join(dataDir, protocol), protocol, seed, say });
    runs.push(run);
    failed ??= failure;
  }
  const left = await leftBehind(dataDir);
  const ok = failed === null && left.processes === 0 && left.ports === 0;
  return { schema: "tms.once/1", ok, seed, dataDir, runs, failed, left };
}

async function runProtocol(input: {
  directory: string;
  protocol: Protocol;
  seed: number;
  say: (line: string) => void;
}) {
  const { directory, protocol, seed, say } = input;
  // Each run has a directory of its own and begins anew; what an earlier run left there is evidence of that run only.
  await rm(directory, { recursive: true, force: true });
  await mkdir(join(directory, "out"), { recursive: true });
  const steps: StepResult[] = [];
  let stage = "start";
  let installation: Installation | undefined;
  const found: LoopContext["found"] = {};
  const planting: LoopContext["planting"] = [];
  let result: object = {};
  let failure: Failure | null = null;
  try {
    const ceremony = await demoCeremony(directory);
    installation = await startInstallation(directory, ANY_PORTS, say);
    await setUpPeople(installation);
    const truth = createSealedTruth(join(directory, "planter.sealed"));
    const context: LoopContext = { protocol, seed, installation, ceremony, truth, found, planting };
    const stopped = await runLoop(context, LOOP_STEPS, (step, says) => {
      steps.push(step);
      say(
        `  ${step.ok ? "✓" : "✗"} ${String(step.n).padStart(2)} ${step.id.padEnd(9)} ${String(step.ms).padStart(6)} ms  ${says}`,
      );
    });
    if (stopped !== null) {
      failure = { protocol, step: stopped.step, ...failureOf(stopped.error) };
    } else {
      stage = "tell";
      result = await factsOf(context);
      stage = "clean";
      result = { ...result, undo: await undo(context) };
    }
  } catch (error) {
    failure = { protocol, step: stage, ...failureOf(error) };
  } finally {
    await endPlanted(planting);
    await installation?.stop();
  }
  if (failure !== null) say(`  ${failure.step}: ${failure.code}: ${failure.cure}`);
  return { run: { protocol, steps, ids: idsOf(found), ...result }, failure };
}

export async function demoCeremony(directory: string, rules?: string): Promise<Ceremony> {
  const passphraseFile = join(directory, "expert.passphrase");
  await writeFile(passphraseFile, await rememberedPassword(directory, "demo-keys", "passphrase"), { mode: 0o600 });
  return holdCeremony(join(directory, "demo-keys"), passphraseFile, rules);
}

function idsOf(found: LoopContext["found"]) {
  const { product = "", event = "", case: caseId = "", pattern = "", incident = "" } = found;
  return { product, event, case: caseId, pattern, incident };
}

async function factsOf(context: LoopContext) {
  const { atPortal, atMitigator } = context.installation;
  const product = await atPortal.getProduct({ params: { id: need(context, "product") as ProductId } });
  const pattern = await atPortal.getPattern({
    params: { id: need(context, "pattern") as PatternId, version: need(context, "version") },
  });
  const { rows } = await atMitigator.listEndpoints({ query: {} });
  const infected = need(context, "endpoint");
  return {
    customer: need(context, "customer") as CustomerId,
    streams: product.completeness
      .filter(({ sent }) => sent !== null && sent > 0)
      .map(({ stream, sent, received, distinctIndexed, gaps }) => ({
        stream,
        sent,
        received,
        distinctIndexed,
        gaps: gaps.length,
      })),
    endpoints: rows.map(({ id, patternRequests }) => ({
      id,
      infected: id === infected,
      patternRequests,
      deployment: pattern.deployments.find(({ endpoint }) => endpoint === id)?.state ?? null,
    })),
    package: { path: need(context, "packagePath"), plainSha256: need(context, "packageSha256") },
    expected: need(context, "expectedFile"),
    chain: need(context, "chainFile"),
    report: { html: need(context, "html"), pdf: need(context, "pdf") },
  };
}
