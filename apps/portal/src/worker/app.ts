import { readBatchRecords } from "@tms/link/upper";
import type { CustomerId, CustomerScope, LinkRecord, PatternId, ProductId, Stream } from "@tms/records";
import { type Core, PROVIDER } from "#app/core/index.ts";
import { createIndexStream } from "#app/event-index/index.ts";
import type { CustomPattern } from "#app/patterns/index.ts";
import { startKeepingHistory } from "./keep-history.ts";

/** How often timestamps are looked at; they live for days, so an hour lost to a restart is nothing. */
const RENEW_EVERY_MS = 3_600_000;
/** Renewed when they end within this time. */
const RENEW_AHEAD_MS = 4 * 24 * 3_600_000;

/** Starts the worker's jobs; each is idempotent, because a job runs at least once. */
export async function startWorker(core: Core): Promise<{ close(): Promise<void> }> {
  const indexStream = createIndexStream({
    cursor: core.index.cursor,
    batchAfter: (scope, of) => core.intake.batchAfter(scope, of),
    readRecords: (scope, blobKey) => readBatchRecords(core.blobs.fileOf(scope, blobKey)),
    events: core.events.indexing,
    handOn: { "threat-events": (scope, product, records) => handOnThreatEvents(core, scope, { product, records }) },
  });

  await core.jobs.work("index-stream", async (job) => {
    const { customer, product, stream } = job as { customer: CustomerId; product: ProductId; stream: Stream };
    await indexStream({ customer }, { product, stream });
  });
  await core.jobs.work("pattern-issued", async (job) => {
    const { customer, pattern, version } = job as { customer: CustomerId; pattern: PatternId; version: number };
    await announceIssued(core, { customer }, { id: pattern, version });
  });

  const renew = () =>
    renewTimestamps(core).catch((error: unknown) => core.log.error({ err: error }, "timestamps were not renewed"));
  await renew();
  const timer = setInterval(() => void renew(), RENEW_EVERY_MS);
  const keeping = startKeepingHistory(core);
  return {
    async close() {
      clearInterval(timer);
      keeping.close();
    },
  };
}

/** A batch's threat events go on to deployments, cases and incidents, in this order, each idempotent by record id. */
async function handOnThreatEvents(
  core: Core,
  scope: CustomerScope,
  { product, records }: { product: ProductId; records: readonly LinkRecord[] },
): Promise<void> {
  await core.deployments.takeNews(scope, product, records);
  await core.incidents.groupEvents(scope, product, records);
}

/** After a pattern was issued: deployments stand, the case deploys, the mitigator is told to look. */
export async function announceIssued(
  core: Core,
  scope: CustomerScope,
  issued: { id: PatternId; version: number },
): Promise<void> {
  const pattern = await core.patterns.store.find(scope, issued.id, issued.version);
  if (pattern === null) return;
  const one = pattern.caseId === null ? null : await core.cases.store.find(scope, pattern.caseId);
  const host = one?.host ?? "";
  const endpoints = pattern.endpoints.map((endpoint) => ({
    endpoint,
    product: one?.product ?? null,
    host,
    caseId: pattern.caseId,
  }));
  await core.deployments.store.assign(scope, issued, endpoints);
  if (one !== null) {
    await core.cases.advance(scope, one.id, {
      step: { kind: "issued" },
      who: namesOf(pattern),
      text: `${pattern.id} version ${pattern.version} issued.`,
      pattern: issued,
    });
    const payload = { pattern: issued.id, version: issued.version };
    await core.heartbeats.giveDirective(scope, one.product, { kind: "look-for-patterns", payload });
  }
  await core.deployments.store.notified(scope, issued);
}

function namesOf(pattern: CustomPattern): string {
  return pattern.signatures.map((one) => one.name).join(", ");
}

async function renewTimestamps(core: Core): Promise<void> {
  const before = new Date(core.clock.now().getTime() + RENEW_AHEAD_MS);
  for (const customer of await core.patterns.repositories.endingBefore(PROVIDER, before)) {
    if (await core.patterns.refreshTimestamp({ customer })) core.log.info({ customer }, "timestamp renewed");
  }
}
