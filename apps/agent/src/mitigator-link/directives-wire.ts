import {
  applyPatternOrderSchema,
  collectOrderSchema,
  type Directive,
  type DirectiveOutcome,
  scanOrderSchema,
  undoOrderSchema,
} from "@tms/contracts/link";
import { AppError, assertNever, type Clock } from "@tms/records";
import type { ApplyOrder } from "#app/cleanup/index.ts";
import type { CollectOrder } from "#app/collect/index.ts";
import type { Allowance } from "./pins.ts";

export interface DirectiveWork {
  apply(order: ApplyOrder): Promise<{ state: string }>;
  undo(order: { directive: string; pattern: ApplyOrder["pattern"]; version: number }): Promise<{ state: string }>;
  collect(order: CollectOrder): Promise<void>;
  scan(): Promise<string>;
  lookForPatterns(): Promise<void>;
  sendNow(): void;
}

/** What the token must have allowed for an order; hints need nothing. */
const NEEDED: Record<Directive["kind"], Allowance | null> = {
  scan: "scan",
  collect: "collect",
  "apply-pattern": "cleanup",
  undo: "undo",
  "look-for-patterns": null,
  "case-changed": null,
  "send-now": null,
  renew: null,
};

/**
 * Carries out what the mitigator orders, within what the enrolment token allowed.
 *
 * Orders that change or read the endpoint run one after the other: two cleanups at once would plan from what the other is
 * about to change.
 */
export function createDirectiveHandler(deps: {
  allow: readonly Allowance[];
  work: DirectiveWork;
  clock: Clock;
}): (directive: Directive) => Promise<DirectiveOutcome> {
  let tail: Promise<unknown> = Promise.resolve();
  return (directive) => {
    const next = tail.then(() => carryOut(deps, directive));
    tail = next.catch(() => undefined); // the link gets the error from `next`; the queue only needs the end
    return next;
  };
}

async function carryOut(
  deps: { allow: readonly Allowance[]; work: DirectiveWork; clock: Clock },
  directive: Directive,
): Promise<DirectiveOutcome> {
  const { id, kind } = directive;
  const needed = NEEDED[kind];
  if (needed !== null && !deps.allow.includes(needed)) throw new AppError("directive.not_allowed", { kind });
  if (new Date(directive.expiresAt) <= deps.clock.now()) throw new AppError("directive.expired", { kind });
  const detail = await perform(deps.work, directive);
  return { id, ok: true, ...(detail === null ? {} : { detail }) };
}

async function perform(work: DirectiveWork, directive: Directive): Promise<string | null> {
  switch (directive.kind) {
    case "scan":
      parsed(scanOrderSchema, directive);
      return work.scan();
    case "collect":
      await work.collect({ ...parsed(collectOrderSchema, directive), directive: directive.id });
      return null;
    case "apply-pattern":
      return (await work.apply({ ...parsed(applyPatternOrderSchema, directive), directive: directive.id })).state;
    case "undo":
      return (await work.undo({ ...parsed(undoOrderSchema, directive), directive: directive.id })).state;
    case "look-for-patterns":
      await work.lookForPatterns();
      return null;
    case "send-now":
      work.sendNow();
      return null;
    case "case-changed":
    // The link renews by itself before an order comes here.
    case "renew":
      return null;
    default:
      return assertNever(directive.kind);
  }
}

function parsed<T>(schema: { parse(value: unknown): T }, directive: Directive): T {
  try {
    return schema.parse(directive.payload);
  } catch (error) {
    throw new AppError("request.malformed", { kind: directive.kind }, { cause: error });
  }
}
