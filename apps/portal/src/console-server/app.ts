import { AppError, type CustomerId, type CustomerScope } from "@tms/records";
import type { Accounts } from "@tms/server-kit";
import { createHttpServer, registerAccountRoutes, registerSessionRoutes, serveConsole } from "@tms/server-kit";
import type { FastifyInstance } from "fastify";
import { registerMenuCountsRoute } from "#app/accounts/index.ts";
import { registerAuditRoute } from "#app/audit/index.ts";
import { registerCaseRoutes, signCommand } from "#app/cases/index.ts";
import { registerCompletenessRoutes } from "#app/completeness/index.ts";
import { type Core, PROVIDER } from "#app/core/index.ts";
import { type CustomerRouteDeps, registerCustomerRoutes } from "#app/customers/index.ts";
import { deploymentView } from "#app/deployments/index.ts";
import { eventRowView, registerEventRoutes } from "#app/event-index/index.ts";
import { packageViews, registerDownloadRoute } from "#app/forensics/index.ts";
import { patternRow, registerPatternRoutes } from "#app/patterns/index.ts";

import { registerProductRoutes } from "#app/products/index.ts";
import { createFigures } from "./figures.ts";
import { registerIncidents } from "./incidents/app.ts";

export interface ConsoleOptions {
  tls: { keyPem: string; certPem: string };
  /** In the last 30 days of the console's certificate. */
  certificateEndsAt(): Date | null;
  accounts: Accounts;
  about: { name: string; zone: string; version: string; demo: boolean };
  /** As really listening; known once all servers listen. */
  connection: CustomerRouteDeps["connection"];
  consoleUrl(): string;
  /** The built console; null leaves the API alone (tests). */
  distDirectory: string | null;
  randomBytes(count: number): Buffer;
}

/** The console: its API over every slice, and the built pages. */
export function createConsoleServer(core: Core, options: ConsoleOptions): FastifyInstance {
  const app = createHttpServer({ name: "console", log: core.log, tls: options.tls });
  const figures = createFigures(core);
  const names = createNames(core);
  const { audit, clock } = core;

  registerSessionRoutes(app, {
    accounts: options.accounts,
    product: "portal",
    about: async () => ({
      name: options.about.name,
      zone: options.about.zone,
      version: options.about.version,
      certificateEndsAt: options.certificateEndsAt()?.toISOString() ?? null,
      demoKeys: options.about.demo || (await core.customers.store.list(PROVIDER)).some((one) => one.demoKeys),
    }),
    audit,
    clock,
  });
  registerAccountRoutes(app, { accounts: options.accounts, audit });
  registerMenuCountsRoute(app, { counts: figures.menu });
  registerAuditRoute(app, { audit, clock });
  registerCustomerRoutes(app, {
    scope: PROVIDER,
    store: core.customers.store,
    addCustomer: core.customers.add,
    forgetValidity: core.customers.validity.forget,
    hashPassword: core.hasher.hash,
    randomBytes: options.randomBytes,
    figures: figures.ofCustomers,
    limits: core.limits,
    connection: options.connection,
    audit,
    clock,
  });
  registerProductRoutes(app, {
    readProducts: figures.readProducts,
    customerNames: names.customers,
    completeness: async (scope, product) => (await figures.completeness(scope, product)).map(completenessView),
    removeProduct: core.registration.remove,
    askToRenew: (scope, product) => core.heartbeats.giveDirective(scope, product, { kind: "renew", payload: {} }),
    history: core.heartbeats.readHistory,
    askForLogs: (scope, product) => core.heartbeats.giveDirective(scope, product, { kind: "send-now", payload: {} }),
    heartbeatSecondsOf: async (customer) => (await core.customers.rulesOf({ customer })).heartbeatIntervalMs / 1000,
    audit,
    clock,
  });
  registerCompletenessRoutes(app, {
    locate: async (id) => {
      const found = await core.registration.store.findAnywhere(PROVIDER, id);
      if (found === null) throw new AppError("product.unknown", { product: id });
      return { customer: { id: found.customer, name: await names.customer(found.customer) }, name: found.name };
    },
    certify: core.certifyCompleteness,
    caPin: () => core.authority.certifying.pin,
    audit,
    clock,
  });
  registerEventRoutes(app, { events: core.events, scopeOf: names.scopeOf, clock });
  registerCases(app, core, { names, options });
  registerPatterns(app, core, { names, options });
  registerIncidents(app, core, { names, figures, zone: options.about.zone });
  if (options.distDirectory !== null) serveConsole(app, options.distDirectory);
  return app;
}

/** Names for rows; every look-up also proves that the customer exists. */
export function createNames(core: Core) {
  async function customer(id: CustomerId): Promise<string> {
    const found = await core.customers.store.find(PROVIDER, id);
    if (found === null) throw new AppError("customer.unknown", { customer: id });
    return found.name;
  }
  return {
    customer,
    async customers() {
      const byId = new Map((await core.customers.store.list(PROVIDER)).map((one) => [one.id, one.name]));
      return (id: CustomerId) => byId.get(id) ?? id;
    },
    async scopeOf(id: CustomerId): Promise<CustomerScope> {
      await customer(id);
      return { customer: id };
    },
  };
}
export type Names = ReturnType<typeof createNames>;

interface Parts {
  names: Names;
  options: ConsoleOptions;
}

function registerCases(app: FastifyInstance, core: Core, { names, options }: Parts): void {
  const eventsOf = (scope: CustomerScope, threats: Parameters<typeof core.events.ofThreats>[1]) =>
    core.events.ofThreats(scope, threats);
  registerCaseRoutes(app, {
    provider: PROVIDER,
    store: core.cases.store,
    advanceCase: core.cases.advance,
    names: {
      customer: (scope) => names.customer(scope.customer),
      product: async (scope, id) => (await core.registration.store.find(scope, id))?.name ?? id,
      threat: async (scope, one) => (await eventsOf(scope, one.threats))[0]?.threatName ?? "Not received yet",
    },
    eventsOf: async (scope, one) => (await eventsOf(scope, one.threats)).map(eventRowView),
    packagesOf: (scope, id) => packageViews(core.forensics.store, scope, id),
    patternsOf: async (scope, id) => {
      const name = await names.customer(scope.customer);
      return (await core.patterns.store.ofCase(scope, id)).map((one) => patternRow(scope.customer, one, name));
    },
    portalUrl: options.consoleUrl,
    audit: core.audit,
    clock: core.clock,
  });
  registerDownloadRoute(app, {
    store: core.forensics.store,
    locateCase: async (id) => {
      const one = await core.cases.store.locate(PROVIDER, id);
      return one === null ? null : { scope: { customer: one.customer }, id: one.id };
    },
    openBlob: core.blobs.stream,
    downloaded: async (scope, id, by) => {
      await core.cases.advance(scope, id, { step: { kind: "downloaded" }, who: by, text: `${by} took the package.` });
    },
    sessionOf: (request) => {
      if (request.session === null) throw new AppError("session.required");
      return request.session;
    },
    audit: core.audit,
  });
}

function registerPatterns(app: FastifyInstance, core: Core, { names, options }: Parts): void {
  registerPatternRoutes(app, {
    provider: PROVIDER,
    patterns: core.patterns.store,
    repositories: core.patterns.repositories,
    draftPattern: core.patterns.draft,
    signPattern: core.patterns.sign,
    nameOf: names.customer,
    findCase: async (id) => {
      const one = await core.cases.store.locate(PROVIDER, id);
      if (one === null) return null;
      const draftCase = { id: one.id, shortId: `C-${one.number}`, endpoint: one.endpoint };
      return { scope: { customer: one.customer }, draftCase };
    },
    afterChange: async (scope, pattern, by) => {
      // An issued pattern moves its case by its own job; a draft that failed its check moves nothing.
      if (pattern.caseId === null || !pattern.state.startsWith("waits-")) return;
      const given = pattern.signatures.length;
      await core.cases.advance(scope, pattern.caseId, {
        step: { kind: given === 0 ? "drafted" : "signature-given" },
        who: given === 0 ? by : pattern.signatures.map((one) => one.name).join(", "),
        text:
          given === 0
            ? `${pattern.id} version ${pattern.version} waits for its first signature.`
            : `${pattern.id} version ${pattern.version} has ${given} of ${pattern.signaturesNeeded} signatures.`,
        pattern: { id: pattern.id, version: pattern.version },
      });
    },
    deploymentsOf: async (scope, pattern) => {
      const found = await core.deployments.store.ofPattern(scope, { id: pattern.id, version: pattern.version });
      return found.map(deploymentView);
    },
    signCommand: (pattern, userName) => signCommand(pattern, { portalUrl: options.consoleUrl(), userName }),
    audit: core.audit,
    clock: core.clock,
  });
}

type Streams = Awaited<ReturnType<ReturnType<typeof createFigures>["completeness"]>>;

function completenessView(one: Streams[number]) {
  return {
    ...one,
    gaps: one.gaps.map((gap) => ({
      ...gap,
      from: gap.from?.toISOString() ?? null,
      to: gap.to?.toISOString() ?? null,
    })),
    oldestAt: one.oldestAt?.toISOString() ?? null,
    trueUpTo: one.trueUpTo?.toISOString() ?? null,
  };
}
