import { randomBytes } from "node:crypto";
import type { Authority, SshHostKey, StatementSigner } from "@tms/link";
import { fingerprintOf } from "@tms/link";
import type { DiskAdmission } from "@tms/link/upper";
import {
  type CaseId,
  type Clock,
  type CustomerScope,
  type DirectiveId,
  type IncidentId,
  newId,
  type ProductId,
  type ProviderScope,
} from "@tms/records";
import type { Audit, Databases, Jobs, Logger, PasswordHasher, SecretBox } from "@tms/server-kit";
import type { BlobStore } from "#app/blobs/index.ts";
import { createAdvanceCase, createCaseStore, createPutCase } from "#app/cases/index.ts";
import { createCertifyCompleteness } from "#app/completeness/index.ts";
import {
  createAddCustomer,
  createCheckCredentials,
  createCustomerStore,
  createCustomerValidity,
} from "#app/customers/index.ts";
import { createDeploymentStore, createTakeDeploymentNews, type Deployment, isResult } from "#app/deployments/index.ts";
import { createEventIndexStore, type EventStore } from "#app/event-index/index.ts";
import { createForensicsStore, createTakePackage } from "#app/forensics/index.ts";
import {
  acceptanceOf,
  createGiveDirectives,
  createHeartbeatStore,
  createHistoryStore,
  createLastSeenWriter,
  createNewsWaiters,
  createReadHistory,
  createRecordHeartbeat,
  HeartbeatMemory,
  type SilenceRules,
  silenceRulesOf,
} from "#app/heartbeats/index.ts";
import { createGroupEvents, createIncidentStore } from "#app/incidents/index.ts";
import { createKeepLimits, createUsageStore, type Limits, limitsInForce } from "#app/limits/index.ts";
import { createLogIntakeStore } from "#app/log-intake/index.ts";
import {
  createDraftPattern,
  createOpenRepository,
  createPatternStore,
  createRefreshTimestamp,
  createRepositoryStore,
  createSignPattern,
} from "#app/patterns/index.ts";
import {
  createIdentityCache,
  createRefuseClone,
  createRegisterProduct,
  createRegistrationStore,
  createRemoveProduct,
  createRenewalStore,
  createRenewProduct,
  createUnregister,
} from "#app/registration/index.ts";
import { createReportStore } from "#app/reports/index.ts";

/** Queues of the worker; payloads are ids. */
export const QUEUES = ["index-stream", "pattern-issued", "renew-timestamps"] as const;

export interface CoreDeps {
  db: Databases;
  jobs: Jobs;
  events: EventStore;
  blobs: BlobStore;
  /** What the disk has room for. */
  disk: DiskAdmission;
  secrets: SecretBox;
  hasher: PasswordHasher;
  authority: Authority;
  sshHostKey: SshHostKey;
  statements: StatementSigner;
  /** The portal's name, as its statements give it. */
  name: string;
  /** Of every customer that has none of its own. */
  limits: Limits;
  audit: Audit;
  log: Logger;
  clock: Clock;
}

/** The right to work across customers: only the composition root makes it. */
export const PROVIDER: ProviderScope = { provider: true };

/** All slices' stores and use cases, put together once; servers and worker take what they need from it. */
export function createCore(deps: CoreDeps) {
  const refuseClone = refuseClonePart(deps);
  const customers = customerPart(deps);
  const heartbeats = heartbeatPart(deps, { onClone: refuseClone, rulesOf: customers.rulesOf });
  const registration = registrationPart(deps, customers);
  const cases = casePart(deps, heartbeats);
  const forensics = forensicsPart(deps, cases);
  const patterns = patternPart(deps, customers.repositories);
  const deployments = deploymentPart(deps, cases);
  const usage = createUsageStore(deps.db);
  const keepLimits = createKeepLimits({
    limitsOf: async (customer) => limitsInForce(deps.limits, await customers.validity.limitsOf(customer)),
    usage,
    monotonicMs: () => performance.now(),
  });
  const intake = createLogIntakeStore({
    db: deps.db,
    latestEpoch: (scope, product, stream) => heartbeats.store.latestEpoch(scope, { product, stream }),
    enqueue: (job, trx) => deps.jobs.send("index-stream", { ...job }, trx),
    async countBytes({ bytes, ...sender }, trx) {
      await usage.add(trx, { customer: sender.customer }, { product: sender.product, bytes });
      keepLimits.note(sender, bytes);
    },
    newId: () => newId<string>(),
  });
  const index = createEventIndexStore(deps.db);
  const incidents = createIncidentStore(deps.db);
  const groupEvents = createGroupEvents({ incidents, newId: () => newId<IncidentId>(), clock: deps.clock });
  return {
    ...deps,
    heartbeats,
    customers,
    registration,
    cases,
    forensics,
    patterns,
    deployments,
    intake,
    keepLimits,
    index,
    certifyCompleteness: certifyPart(deps, { heartbeats, intake, index }),
    incidents: { store: incidents, groupEvents },
    reports: createReportStore(deps.db),
  };
}
export type Core = ReturnType<typeof createCore>;

function certifyPart(
  { events, statements, name, clock }: CoreDeps,
  from: {
    heartbeats: ReturnType<typeof heartbeatPart>;
    intake: ReturnType<typeof createLogIntakeStore>;
    index: ReturnType<typeof createEventIndexStore>;
  },
) {
  return createCertifyCompleteness({
    // In this order: what is read later may hold more than what was read before, never less.
    async factsOf(scope, place) {
      const { stream } = place;
      const ledgers = await from.heartbeats.store.ledgers(scope, place.product);
      const batches = await from.intake.settledBatches(scope, place);
      const indexed = await from.index.results(scope, place);
      const { byBatch: storedRows } = await events.rowsByBatch(scope, place);
      return { stream, ledgers: ledgers.filter((one) => one.stream === stream), batches, indexed, storedRows };
    },
    sign: statements.sign,
    portal: name,
    clock,
  });
}

function refuseClonePart({ db, audit }: CoreDeps) {
  return createRefuseClone({
    store: createRegistrationStore(db),
    onFound: ({ customer }, product) =>
      audit.write({ actor: "the portal", action: "product.clone-found", subject: product, detail: {}, customer }),
  });
}

function heartbeatPart(
  { db, clock, log }: CoreDeps,
  {
    onClone,
    rulesOf,
  }: {
    onClone: ReturnType<typeof refuseClonePart>;
    rulesOf(scope: CustomerScope): Promise<SilenceRules>;
  },
) {
  const store = createHeartbeatStore(db);
  const history = createHistoryStore(db);
  const memory = new HeartbeatMemory();
  const lastSeen = createLastSeenWriter({
    store,
    scope: PROVIDER,
    node: newId<string>(),
    monotonicMs: () => performance.now(),
    onError: (error) => log.warn({ err: error }, "last seen was not written; it is tried again in a second"),
  });
  return {
    store,
    lastSeen,
    waiters: createNewsWaiters(),
    history,
    readHistory: createReadHistory({
      history,
      lastSeenAt: async (scope, product) => (await store.facts(scope, product))?.lastSeenAt ?? null,
      serving: store.serving,
      provider: PROVIDER,
      rulesOf,
      clock,
    }),
    memory,
    record: createRecordHeartbeat({ store, lastSeen, memory, acceptance: acceptanceOf, onClone, rulesOf, clock }),
    giveDirective: createGiveDirectives({ store, clock, newId: () => newId<DirectiveId>() }),
  };
}

function customerPart({ db, secrets, hasher, blobs, clock }: CoreDeps) {
  const store = createCustomerStore(db);
  const repositories = createRepositoryStore(db, secrets);
  const validity = createCustomerValidity({ find: store.find, scope: PROVIDER, clock });
  const openRepository = createOpenRepository({ repositories, putBlob: blobs.put, clock });
  return {
    store,
    repositories,
    validity,
    rulesOf: async ({ customer }: CustomerScope) => silenceRulesOf(await validity.heartbeatOf(customer)),
    add: createAddCustomer({ customers: store, openRepository, hashPassword: hasher.hash, randomBytes }),
    checkCredentials: createCheckCredentials({
      findByUserName: store.findByUserName,
      verifyPassword: hasher.verify,
      decoyHash: hasher.decoyHash,
      scope: PROVIDER,
      clock,
    }),
  };
}

function registrationPart({ db, authority, clock }: CoreDeps, customers: ReturnType<typeof customerPart>) {
  const store = createRegistrationStore(db);
  const renewals = createRenewalStore(db);
  const certify = {
    issueClient: (request: Parameters<Authority["issueClient"]>[0]) => authority.issueClient(request),
    sshFingerprintOf: fingerprintOf,
  };
  const identity = createIdentityCache({
    store,
    takeOver: renewals.takeOver,
    isExpired: (customer) => customers.validity.isExpired(customer),
    scope: PROVIDER,
    clock,
  });
  return {
    store,
    identity,
    register: createRegisterProduct({
      store,
      checkCredentials: customers.checkCredentials,
      ...certify,
      newId: () => newId<ProductId>(),
      clock,
    }),
    renew: createRenewProduct({ store: { ...store, ...renewals }, ...certify }),
    unregister: createUnregister({ store, forget: identity.forget }),
    remove: createRemoveProduct({ store, forget: identity.forget }),
  };
}

function casePart({ db }: CoreDeps, heartbeats: ReturnType<typeof heartbeatPart>) {
  const store = createCaseStore(db);
  const hintChanged = async (scope: CustomerScope, product: ProductId) => {
    await heartbeats.giveDirective(scope, product, { kind: "case-changed", payload: {} });
  };
  return { store, put: createPutCase({ cases: store }), advance: createAdvanceCase({ cases: store, hintChanged }) };
}

const PACKAGE_TEXT = {
  "upload-begun": "The package is on its way to the portal.",
  "package-complete": "The package arrived whole. An expert can take the case.",
  "package-failed": "The package that arrived is not the one that was announced.",
} as const;

function forensicsPart({ db, blobs }: CoreDeps, cases: ReturnType<typeof casePart>) {
  const store = createForensicsStore(db);
  const take = createTakePackage({
    packages: store,
    caseOf: (scope, id) => cases.store.find(scope, id),
    advance: async (scope, id, what) => {
      await cases.advance(scope, id, { step: { kind: what }, who: "the portal", text: PACKAGE_TEXT[what] });
    },
    adoptBlob: blobs.adopt,
  });
  return { store, take };
}

function patternPart(deps: CoreDeps, repositories: ReturnType<typeof createRepositoryStore>) {
  const store = createPatternStore({
    db: deps.db,
    secrets: deps.secrets,
    enqueueIssued: (job, trx) => deps.jobs.send("pattern-issued", { ...job }, trx),
  });
  return {
    store,
    repositories,
    draft: createDraftPattern({ patterns: store }),
    sign: createSignPattern({ lockedForSigning: store.lockedForSigning, putBlob: deps.blobs.put, clock: deps.clock }),
    refreshTimestamp: createRefreshTimestamp({ repositories, now: () => deps.clock.now() }),
  };
}

const RESULT_TEXT = {
  succeeded: "The cleanup succeeded on the endpoint.",
  partially: "The cleanup succeeded in part. The case is open again.",
  failed: "The cleanup failed on the endpoint. The case is open again.",
} as const;

function deploymentPart({ db }: CoreDeps, cases: ReturnType<typeof casePart>) {
  const store = createDeploymentStore(db);
  const onResult = async (scope: CustomerScope, deployment: Deployment): Promise<void> => {
    const { state, caseId } = deployment;
    if (caseId === null || !isResult(state)) return;
    if (!(await isPatternOfCase(cases, scope, { caseId, deployment }))) return;
    await cases.advance(scope, caseId, {
      step: { kind: "result", result: state },
      who: `the endpoint ${deployment.host}`.slice(0, 200),
      text: RESULT_TEXT[state],
    });
  };
  return { store, takeNews: createTakeDeploymentNews({ deployments: store, onResult }) };
}

/** A late result of an older pattern version says nothing about the case of today. */
async function isPatternOfCase(
  cases: ReturnType<typeof casePart>,
  scope: CustomerScope,
  asked: { caseId: CaseId; deployment: Deployment },
): Promise<boolean> {
  const pattern = (await cases.store.find(scope, asked.caseId))?.pattern;
  return pattern?.id === asked.deployment.patternId && pattern.version === asked.deployment.patternVersion;
}
