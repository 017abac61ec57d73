import { type VerifiedPattern, verifyPattern } from "@tms/patterns";
import { AppError, type Clock, type CustomerId, type EndpointId } from "@tms/records";
import type { ScanEngine } from "@tms/scan-engine";
import type { TrustedTarget } from "@tms/signing";
import { loadRegularRules, type RegularRules } from "./regular-rules.ts";

/** The part of a pattern mirror that is needed here: verified from the pinned root, whatever hop the bytes came over. */
export interface VerifiedRepository {
  refresh(): Promise<{ changed: boolean; targets: TrustedTarget[] }>;
  target(path: string): Promise<Buffer>;
  currentTargets(): Promise<TrustedTarget[]>;
}

export interface PatternSource {
  /** Rules in force; null until a regular pattern was verified. */
  rules(): RegularRules | null;
  /** Takes up what was verified before the last stop, without any connection. */
  load(): Promise<void>;
  /** Asks the mitigator for news. @throws {AppError} what the line or the verification says. */
  refresh(): Promise<void>;
  /** A pattern that may act here. @throws {AppError} `pattern.*` */
  verified(targetPath: string): Promise<VerifiedPattern>;
  /** age recipients of forensic packages, signed by two. @throws {AppError} `pattern.unknown`, … */
  recipients(): Promise<string[]>;
}

const REGULAR_PATH = "regular/RP-regular.json";
const RECIPIENTS_PATH = "recipients/recipients.json";
const MAX_RECIPIENTS = 64;

export function createPatternSource(deps: {
  repository: VerifiedRepository;
  engine: ScanEngine;
  customer: CustomerId;
  endpoint: EndpointId;
  clock: Clock;
  /** Called when other rules came into force. */
  onRules: (rules: RegularRules) => void;
}): PatternSource {
  const { repository, customer, endpoint } = deps;
  let rules: { digest: string; loaded: RegularRules } | null = null;

  async function verified(path: string): Promise<VerifiedPattern> {
    const target = (await repository.currentTargets()).find((candidate) => candidate.path === path);
    if (target === undefined) throw new AppError("pattern.unknown", { path });
    const bytes = await repository.target(path);
    return verifyPattern({ bytes, target, customer, endpoint, now: deps.clock.now() });
  }

  async function load(): Promise<void> {
    const target = (await repository.currentTargets()).find((candidate) => candidate.path === REGULAR_PATH);
    if (target === undefined || target.sha256 === rules?.digest) return;
    // A pattern that does not verify or compile leaves the old rules in force: the throw comes before the change.
    const loaded = await loadRegularRules(deps.engine, await verified(REGULAR_PATH));
    rules = { digest: target.sha256, loaded };
    deps.onRules(loaded);
  }

  return {
    rules: () => rules?.loaded ?? null,
    load,
    async refresh() {
      await repository.refresh();
      await load();
    },
    verified,
    async recipients() {
      const target = (await repository.currentTargets()).find((candidate) => candidate.path === RECIPIENTS_PATH);
      if (target === undefined || target.role !== "recipients")
        throw new AppError("pattern.unknown", { path: RECIPIENTS_PATH });
      return parseRecipients(await repository.target(RECIPIENTS_PATH));
    },
  };
}

/** @throws {AppError} `pattern.manifest_malformed` for whatever is not the form that two people were to sign. */
export function parseRecipients(bytes: Buffer): string[] {
  const value = jsonOf(bytes);
  const isForm = typeof value === "object" && value !== null && "schema" in value && "recipients" in value;
  const list = isForm && value.schema === "tms.recipients/1" ? value.recipients : null;
  if (!Array.isArray(list) || list.length === 0 || list.length > MAX_RECIPIENTS || !list.every(isRecipient)) {
    throw new AppError("pattern.manifest_malformed", { path: RECIPIENTS_PATH });
  }
  return list;
}

function jsonOf(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch (error) {
    throw new AppError("pattern.manifest_malformed", { path: RECIPIENTS_PATH }, { cause: error });
  }
}

function isRecipient(value: unknown): value is string {
  return typeof value === "string" && /^age1[0-9a-z]{20,4000}$/.test(value);
}
