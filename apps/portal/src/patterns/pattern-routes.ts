import {
  type PatternCheck,
  type PatternDetail,
  type PatternRow,
  patternCheckSchema,
  patternRoutes,
} from "@tms/contracts/portal";
import {
  AppError,
  type CaseId,
  type Clock,
  type CustomerId,
  type CustomerScope,
  type ProviderScope,
} from "@tms/records";
import { type Audit, implement } from "@tms/server-kit";
import type { FastifyInstance } from "fastify";
import { type CustomPattern, waitsForSignature } from "./custom-pattern.ts";
import type { createDraftPattern, DraftCase } from "./draft-pattern.ts";
import type { PatternStore } from "./pattern-store.ts";
import type { RepositoryStore } from "./repository.ts";
import type { createSignPattern } from "./sign-pattern.ts";

export interface PatternRouteDeps {
  provider: ProviderScope;
  patterns: PatternStore;
  repositories: Pick<RepositoryStore, "locked">;
  draftPattern: ReturnType<typeof createDraftPattern>;
  signPattern: ReturnType<typeof createSignPattern>;
  nameOf(customer: CustomerId): Promise<string>;
  /** The case that a draft is for, wherever it is. */
  findCase(id: CaseId): Promise<{ scope: CustomerScope; draftCase: DraftCase } | null>;
  /** Tells the case that a draft came or a signature was given. */
  afterChange(scope: CustomerScope, pattern: CustomPattern, by: string): Promise<void>;
  deploymentsOf(scope: CustomerScope, pattern: CustomPattern): Promise<PatternDetail["deployments"]>;
  /** The line that an expert types to sign. */
  signCommand(pattern: Pick<CustomPattern, "id" | "version">, userName: string | null): string;
  audit: Audit;
  clock: Clock;
}

export function registerPatternRoutes(app: FastifyInstance, deps: PatternRouteDeps): void {
  async function located(params: { id: string; version: number }) {
    const customer = await deps.patterns.ownerOf(deps.provider, params.id, params.version);
    const scope = customer === null ? null : { customer };
    const pattern = scope === null ? null : await deps.patterns.find(scope, params.id, params.version);
    if (scope === null || pattern === null) throw new AppError("pattern.unknown", { ...params });
    return { scope, pattern };
  }

  implement(app, patternRoutes.listPatterns, async ({ query }) => {
    const all = await deps.patterns.list(deps.provider, { customer: query.customer });
    const counts = countBy(all.map((one) => one.pattern.state));
    const wanted = all.filter((one) => query.state === undefined || one.pattern.state === query.state);
    wanted.sort(
      (one, other) => Number(waitsForSignature(other.pattern.state)) - Number(waitsForSignature(one.pattern.state)),
    );
    const shown = wanted.slice((query.page - 1) * query.pageSize, query.page * query.pageSize);
    const rows = await Promise.all(
      shown.map(async (one) => patternRow(one.customer, one.pattern, await deps.nameOf(one.customer))),
    );
    return { rows, total: wanted.length, asOf: deps.clock.now().toISOString(), counts };
  });

  implement(app, patternRoutes.getPattern, async ({ params, session }) => {
    const { scope, pattern } = await located(params);
    return {
      ...patternRow(scope.customer, pattern, await deps.nameOf(scope.customer)),
      manifest: JSON.parse(pattern.bytes.toString("utf8")) as unknown,
      check: checkOf(pattern),
      signatures: pattern.signatures.map((one) => ({ ...one, at: one.at.toISOString() })),
      signCommand: waitsForSignature(pattern.state)
        ? deps.signCommand(pattern, session.role === "expert" ? session.userName : null)
        : null,
      deployments: await deps.deploymentsOf(scope, pattern),
    };
  });

  implement(app, patternRoutes.draftPattern, async ({ params, body, session }) => {
    const target = await deps.findCase(params.id);
    if (target === null) throw new AppError("case.unknown", { case: params.id });
    const draft = { bytes: Buffer.from(body.bytes, "base64"), check: body.check, by: session.userName };
    const pattern = await deps.draftPattern(target.scope, target.draftCase, draft);
    return changed(target.scope, pattern, { by: session.userName, action: "pattern.drafted" });
  });

  implement(app, patternRoutes.patternSigning, async ({ params }) => {
    const { scope, pattern } = await located(params);
    if (!waitsForSignature(pattern.state)) throw new AppError("pattern.state_wrong", { state: pattern.state });
    const inForce = await deps.repositories.locked(scope, async (tx) => {
      const version = tx.state.roles[pattern.role] ?? 0;
      return {
        root: (await tx.metadata(`${tx.state.root}.root.json`)).toString("base64"),
        targets: (await tx.metadata(`${tx.state.targets}.targets.json`)).toString("base64"),
        role: version === 0 ? null : (await tx.metadata(`${version}.${pattern.role}.json`)).toString("base64"),
      };
    });
    return {
      customer: scope.customer,
      id: pattern.id,
      version: pattern.version,
      role: pattern.role,
      target: { path: pattern.targetPath, bytes: pattern.bytes.toString("base64") },
      proposed: pattern.proposed?.toString("base64") ?? null,
      inForce,
    };
  });

  implement(app, patternRoutes.signPattern, async ({ params, body, session }) => {
    const { scope } = await located(params);
    await deps.signPattern(scope, params, Buffer.from(body.roleFile, "base64"));
    const { pattern } = await located(params);
    return changed(scope, pattern, { by: session.userName, action: "pattern.signed" });
  });

  async function changed(
    scope: CustomerScope,
    pattern: CustomPattern,
    how: { by: string; action: string },
  ): Promise<PatternRow> {
    await deps.audit.write({
      actor: how.by,
      action: how.action,
      subject: `${pattern.id} v${pattern.version}`,
      detail: { state: pattern.state, digest: pattern.digest, signers: pattern.signatures.map((one) => one.name) },
      customer: scope.customer,
    });
    await deps.afterChange(scope, pattern, how.by);
    return patternRow(scope.customer, pattern, await deps.nameOf(scope.customer));
  }
}

export function patternRow(customer: CustomerId, pattern: CustomPattern, customerName: string): PatternRow {
  return {
    customer: { id: customer, name: customerName },
    id: pattern.id,
    version: pattern.version,
    title: pattern.title,
    role: pattern.role,
    case:
      pattern.caseId === null || pattern.caseShortId === null
        ? null
        : { id: pattern.caseId, shortId: pattern.caseShortId },
    state: pattern.state,
    stateSince: pattern.stateSince.toISOString(),
    digest: pattern.digest,
    planDigest: pattern.planDigest,
    signaturesGiven: pattern.signatures.length,
    signaturesNeeded: pattern.signaturesNeeded,
    endpoints: pattern.endpoints.length,
  };
}

/** An older check result that no longer has today's form is not shown rather than shown wrong. */
function checkOf(pattern: CustomPattern): PatternCheck | null {
  const parsed = patternCheckSchema.safeParse(pattern.check);
  return parsed.success ? parsed.data : null;
}

function countBy(states: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const state of states) counts[state] = (counts[state] ?? 0) + 1;
  return counts;
}
