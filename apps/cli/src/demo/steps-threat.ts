import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { CustomerId, ProductId, RecordId } from "@tms/records";
import { differencesOfChain } from "./compare-chain.ts";
import { AGENT_HOSTS } from "./installation.ts";
import { type LoopContext, need } from "./loop-context.ts";
import { plant } from "./plant/plant.ts";
import { StepFailed, until } from "./until.ts";

/** Step 3: the planter plants, the agent's rule finds. */
export async function detect(context: LoopContext): Promise<void> {
  const { installation, seed, truth } = context;
  const earlier = new Set((await detections(context)).map(({ id }) => id));
  const before = await installation.atMitigator.listEndpoints({ query: {} });
  context.found.earlierRequests = new Map(before.rows.map(({ id, patternRequests }) => [id, patternRequests]));
  const planted = await plant(seed, installation.sandboxes, context.planting);
  await truth.write(planted);
  context.found.planted = planted;
  const detection = await until("the detection", 25, async () => {
    const rows = await detections(context);
    return rows.find(({ id, host }) => !earlier.has(id) && host === AGENT_HOSTS[planted.infected]) ?? null;
  });
  context.found.earlierDetections = earlier;
  context.found.threat = detection.threatId;
  context.found.endpoint = detection.endpoint;
  const endpoints = await installation.atMitigator.listEndpoints({ query: {} });
  const other = endpoints.rows.find(({ id }) => id !== detection.endpoint);
  if (other === undefined) throw new StepFailed("endpoint.unknown", "The second endpoint is not in the list.");
  context.found.otherEndpoint = other.id;
}

/** Step 4: the chain tells what was planted. */
export async function explain(context: LoopContext): Promise<void> {
  const { installation } = context;
  const planted = need(context, "planted");
  const event = await assessmentOf(context);
  const directory = join(installation.directory, "out");
  context.found.chainFile = join(directory, "chain.json");
  context.found.expectedFile = join(directory, "expected.json");
  await writeFile(context.found.expectedFile, `${JSON.stringify(planted, null, 2)}\n`, { mode: 0o600 });
  const chain = await until(
    "the root cause chain",
    20,
    async () => (await installation.atMitigator.getEvent({ params: { id: event } })).chain,
  );
  await writeFile(context.found.chainFile, `${JSON.stringify(chain, null, 2)}\n`);
  const differences = differencesOfChain(chain, planted);
  if (differences.length > 0)
    throw new StepFailed("telemetry.lost", `The chain differs from what was planted: ${differences.join("; ")}.`);
}

/** Step 5: the regular pattern has no step for it, so the threat is unresolved. */
export async function assess(context: LoopContext): Promise<void> {
  const { event, body } = await context.installation.atMitigator.getEvent({
    params: { id: need(context, "event") as RecordId },
  });
  if (event.status !== "unresolved-threats-remain")
    throw new StepFailed("case.nothing_unresolved", `The assessment says ${event.status}.`);
  if ((body.parts?.files ?? 0) < 1 || (body.parts?.processes ?? 0) < 1 || (body.parts?.persistence ?? 0) < 1) {
    throw new StepFailed("case.nothing_unresolved", `The assessment counted ${JSON.stringify(body.parts)}.`);
  }
  const earlier = need(context, "earlierDetections");
  const now = (await detections(context)).filter(({ id }) => !earlier.has(id));
  if (now.some(({ endpoint }) => endpoint === need(context, "otherEndpoint"))) {
    throw new StepFailed("pattern.hits_goodware", "The twin without the marker was detected too.");
  }
}

/** Newest first, those of earlier starts on the same data too. */
async function detections({ installation }: LoopContext) {
  return (await installation.atMitigator.listEvents({ query: { kind: "detection" } })).rows;
}

async function assessmentOf(context: LoopContext): Promise<RecordId> {
  const event = await until("the assessment", 20, async () => {
    const { rows } = await context.installation.atMitigator.listEvents({ query: { kind: "assessment" } });
    return (
      rows.find(
        ({ threatId, status }) => threatId === need(context, "threat") && status === "unresolved-threats-remain",
      ) ?? null
    );
  });
  context.found.event = event.id;
  return event.id;
}

/** Step 6: every record arrived at the portal, was indexed, and is listed. */
export async function report(context: LoopContext): Promise<void> {
  const { atPortal } = context.installation;
  const customer = need(context, "customer") as CustomerId;
  await until("all records at the portal", 90, async () => {
    const { completeness } = await atPortal.getProduct({ params: { id: need(context, "product") as ProductId } });
    const whole = completeness.filter(
      ({ sent, received, distinctIndexed, gaps }) =>
        sent !== null && sent > 0 && sent === received && distinctIndexed === received && gaps.length === 0,
    );
    return ["threat-events", "root-cause"].every((stream) => whole.some((row) => row.stream === stream)) ? whole : null;
  });
  const id = need(context, "event") as RecordId;
  await until("the event in the portal's list", 15, async () => {
    const { rows } = await atPortal.portalEvents({ query: { customer } });
    return rows.some((row) => row.id === id) ? rows : null;
  });
  const chain = await until(
    "the chain at the portal",
    15,
    async () => (await atPortal.portalEvent({ params: { customer, id } })).chain,
  );
  const differences = differencesOfChain(chain, need(context, "planted"));
  if (differences.length > 0)
    throw new StepFailed("telemetry.lost", `At the portal the chain differs: ${differences.join("; ")}.`);
}
