import type { TrustAnnouncement, TrustReport } from "@tms/contracts/link";
import { AppError, type Timers } from "@tms/records";
import type { KeptIdentity } from "./kept-identity.ts";
import type { StoredIdentity } from "./register-lower.ts";
import { judgeTrust, trustOf } from "./trust.ts";

// Takes what heartbeats announce of the upper party's keys into the stored identity (rules: trust.ts).
// K1  What is trusted is on the disk before it is confirmed: the report is of what is stored.
// K2  A CA is dropped only after a connection to each server under the others alone. Until then both are trusted, so that
//     an announcement that is false, or is taken back, locks nobody out.

export interface TrustUpkeep {
  report(): TrustReport;
  /** @throws {AppError} `link.trust_refused` for an announcement that nothing is taken of. */
  take(announced: TrustAnnouncement): Promise<void>;
}

export interface TrustUpkeepDeps {
  identity: KeptIdentity;
  /** Resolves if every TLS server that we speak to is met under these CAs alone. */
  prove(caPem: string): Promise<void>;
  /** The line changes over: what is dialled from here on trusts this. */
  changeOver(identity: StoredIdentity): void;
  onChange(trust: TrustReport): void;
  onFailure(error: AppError): void;
  timers: Timers;
}

/** The same proof that failed is not tried again before this: each heartbeat would dial. */
const PROOF_PAUSE_MS = 60_000;

export function createTrustUpkeep(deps: TrustUpkeepDeps): TrustUpkeep {
  const { identity } = deps;
  let failed = { caPem: "", untilMs: Number.NEGATIVE_INFINITY };

  async function put(trusted: Pick<StoredIdentity, "caPem" | "sshHostKeys">): Promise<void> {
    const next = await identity.change((before) => ({ ...before, ...trusted }));
    deps.changeOver(next);
    deps.onChange(trustOf(next));
  }

  /** @returns whether the servers were met without the CAs that are to go. */
  async function isProved(caPem: string): Promise<boolean> {
    if (caPem === failed.caPem && deps.timers.monotonicMs() < failed.untilMs) return false;
    try {
      await deps.prove(caPem);
      return true;
    } catch (error) {
      failed = { caPem, untilMs: deps.timers.monotonicMs() + PROOF_PAUSE_MS };
      deps.onFailure(error instanceof AppError ? error : new AppError("link.unreachable", {}, { cause: error }));
      return false;
    }
  }

  return {
    report: () => trustOf(identity.current),
    async take(announced) {
      const before = identity.current;
      const judged = judgeTrust(before, announced);
      if (judged.kind === "same") return;
      if (judged.kind === "refused") throw new AppError("link.trust_refused", { reason: judged.reason });
      const { widened, narrowedCaPem } = judged;
      const isWider = JSON.stringify(trustOf(widened)) !== JSON.stringify(trustOf(before));
      if (isWider) await put(widened);
      if (narrowedCaPem !== null && (await isProved(narrowedCaPem))) {
        await put({ caPem: narrowedCaPem, sshHostKeys: widened.sshHostKeys });
      }
    },
  };
}
