import type { EventRow } from "@tms/contracts";
import type { CasePut, CaseView } from "@tms/contracts/link";
import { type CaseDetail, type CaseRow, caseRoutes, type PatternRow } from "@tms/contracts/portal";
import type { Peer } from "@tms/link/upper";
import {
  AppError,
  CASE_STATE_TABLE,
  type CaseId,
  type Clock,
  type CustomerScope,
  type ProviderScope,
} from "@tms/records";
import { type Audit, implement } from "@tms/server-kit";
import type { FastifyInstance } from "fastify";
import type { createAdvanceCase } from "./advance-case.ts";
import { type Case, caseShortId, stepsAhead, turnOf } from "./case.ts";
import type { CaseStore } from "./case-store.ts";
import { expertCommands } from "./expert-commands.ts";
import type { createPutCase } from "./put-case.ts";

/** The status server's cases part. */
export function caseHandlers(deps: { putCase: ReturnType<typeof createPutCase>; store: CaseStore }) {
  return {
    async put(peer: Peer, id: CaseId, body: CasePut): Promise<CaseView> {
      const report = { ...body, openedAt: new Date(body.openedAt) };
      return caseView(await deps.putCase({ customer: peer.customer }, { id, product: peer.product }, report));
    },
    async changedAfter(peer: Peer, after: number): Promise<CaseView[]> {
      return (await deps.store.changedAfter({ customer: peer.customer }, peer.product, after)).map(caseView);
    },
  };
}

export interface CaseRouteDeps {
  provider: ProviderScope;
  store: CaseStore;
  advanceCase: ReturnType<typeof createAdvanceCase>;
  names: {
    customer(scope: CustomerScope): Promise<string>;
    product(scope: CustomerScope, id: Case["product"]): Promise<string>;
    /** The threat's own name, from its events; the id where none has arrived yet. */
    threat(scope: CustomerScope, one: Case): Promise<string>;
  };
  eventsOf(scope: CustomerScope, one: Case): Promise<EventRow[]>;
  packagesOf(scope: CustomerScope, id: CaseId): Promise<CaseDetail["packages"]>;
  patternsOf(scope: CustomerScope, id: CaseId): Promise<PatternRow[]>;
  portalUrl(): string;
  audit: Audit;
  clock: Clock;
}

export function registerCaseRoutes(app: FastifyInstance, deps: CaseRouteDeps): void {
  const scopeOf = (one: Case): CustomerScope => ({ customer: one.customer });

  async function located(id: string): Promise<Case> {
    const found = await deps.store.locate(deps.provider, id);
    if (found === null) throw new AppError("case.unknown", { case: id });
    return found;
  }

  async function rowOf(one: Case): Promise<CaseRow> {
    const scope = scopeOf(one);
    const [customer, product, threat] = await Promise.all([
      deps.names.customer(scope),
      deps.names.product(scope, one.product),
      deps.names.threat(scope, one),
    ]);
    return {
      id: one.id,
      shortId: caseShortId(one.number),
      customer: { id: one.customer, name: customer },
      product: { id: one.product, name: product },
      endpoint: one.endpoint,
      host: one.host,
      state: one.state,
      stateSince: one.stateSince.toISOString(),
      turn: turnOf(one.state),
      threatName: threat,
      openedAt: one.openedAt.toISOString(),
      openedBy: one.openedBy,
    };
  }

  implement(app, caseRoutes.listCases, async ({ query }) => {
    const all = await deps.store.list(deps.provider, { customer: query.customer });
    const counts: Record<string, number> = {};
    for (const one of all) counts[one.state] = (counts[one.state] ?? 0) + 1;
    const wanted = all.filter((one) => query.state === undefined || one.state === query.state);
    wanted.sort((one, other) => Number(turnOf(other.state) === "you") - Number(turnOf(one.state) === "you"));
    const shown = wanted.slice((query.page - 1) * query.pageSize, query.page * query.pageSize);
    const rows = await Promise.all(shown.map(rowOf));
    return { rows, total: wanted.length, asOf: deps.clock.now().toISOString(), counts };
  });

  implement(app, caseRoutes.getCase, async ({ params, session }) => {
    const one = await located(params.id);
    const scope = scopeOf(one);
    const [row, events, timeline, packages, patterns] = await Promise.all([
      rowOf(one),
      deps.eventsOf(scope, one),
      deps.store.timeline(scope, one.id),
      deps.packagesOf(scope, one.id),
      deps.patternsOf(scope, one.id),
    ]);
    const ahead = stepsAhead(one.state).map((state) => ({
      at: null,
      state,
      text: CASE_STATE_TABLE[state].text,
      who: "",
      detail: null,
    }));
    return {
      ...row,
      note: one.note,
      events,
      timeline: [...timeline.map((entry) => ({ ...entry, at: entry.at.toISOString() })), ...ahead],
      packages,
      patterns,
      commands: expertCommands({
        shortId: row.shortId,
        state: one.state,
        portalUrl: deps.portalUrl(),
        userName: session.role === "expert" ? session.userName : null,
        pattern: patterns.find((pattern) => pattern.state.startsWith("waits-")) ?? null,
      }),
    };
  });

  implement(app, caseRoutes.closeCase, async ({ params, body, session }) => {
    const one = await located(params.id);
    const closed = await deps.advanceCase(scopeOf(one), one.id, {
      step: { kind: "closed-as-clean" },
      who: session.userName,
      text: "Closed as clean.",
      detail: body.note,
    });
    await deps.audit.write({
      actor: session.userName,
      action: "case.closed_as_clean",
      subject: caseShortId(one.number),
      detail: { note: body.note },
      customer: one.customer,
    });
    return rowOf(closed ?? one);
  });
}

function caseView(one: Case): CaseView {
  return {
    id: one.id,
    shortId: caseShortId(one.number),
    endpoint: one.endpoint,
    state: one.state,
    changeNumber: one.changeNumber,
    updatedAt: one.updatedAt.toISOString(),
    pattern: one.pattern,
  };
}
