import { AppError, type Clock, type EndpointId } from "@tms/records";
import { type Case, collectingState } from "./case.ts";
import type { CaseStore, PortalView } from "./case-store.ts";
import type { PackageShelf } from "./receive-package.ts";

/** What the portal does for cases; every call may fail while it is away. */
export interface PortalCases {
  put(one: Case): Promise<PortalView>;
  changedAfter(changeNumber: number): Promise<PortalView[]>;
  upload(one: Case, options: { onProgress: (sentBytes: number) => void; signal: AbortSignal }): Promise<void>;
}

export interface KeepCasesDeps {
  cases: CaseStore;
  /** null while the mitigator is not registered or sending is off: everything waits. */
  portal: () => PortalCases | null;
  orderCollection: (one: Case) => Promise<void>;
  isDelivered: (one: Case) => Promise<boolean>;
  isConnected: (endpoint: EndpointId) => Promise<boolean>;
  shelf: PackageShelf;
  clock: Clock;
}

/**
 * Keeps this mitigator's cases, its agents and the portal in step. Every part is idempotent and starts from what lies
 * in the database, so a pass may end anywhere and the next one goes on.
 */
export function createKeepCases(deps: KeepCasesDeps) {
  return {
    /** Where collecting stands; also gives orders again that a crash cut off. */
    async watchCollecting(): Promise<void> {
      for (const one of await deps.cases.collecting()) {
        await deps.orderCollection(one);
        const state = collectingState({
          packageReceived: one.package.receivedAt !== null,
          uploadBegun: one.package.sha256 !== null,
          orderDelivered: await deps.isDelivered(one),
          endpointConnected: await deps.isConnected(one.endpoint),
        });
        // Meanwhile the order may have been refused or have ended: that is not overwritten.
        await deps.cases.collectingAt(one.id, state, deps.clock.now());
      }
    },

    async putStates(): Promise<void> {
      const portal = deps.portal();
      if (portal === null) return;
      for (const one of await deps.cases.toPut()) {
        await settled(one, async () => {
          const view = await portal.put(one);
          await deps.cases.confirmed(one.id, one.state);
          await deps.cases.mirror(view, deps.clock.now());
        });
      }
    },

    async forwardPackages(signal: AbortSignal): Promise<void> {
      const portal = deps.portal();
      if (portal === null) return;
      for (const one of await deps.cases.toForward()) {
        const refused = await settled(one, () => forward({ one, portal, signal }));
        if (refused) await deps.cases.setState(one.id, "package-failed", deps.clock.now());
      }
    },

    async pullChanges(): Promise<void> {
      const portal = deps.portal();
      if (portal === null) return;
      const views = await portal.changedAfter(await deps.cases.highestChange());
      for (const view of views) await deps.cases.mirror(view, deps.clock.now());
    },
  };

  /** A line that fails ends the pass; a case that the portal refuses is noted and stops no other. */
  async function settled(one: Case, work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return false;
    } catch (error) {
      // Too large for now: it is offered again with the next pass, and stands in no other package's way.
      if (error instanceof AppError && error.code === "limit.package_size") return false;
      if (!(error instanceof AppError) || !REFUSALS.includes(error.code)) throw error;
      await deps.cases.failed(one.id, error.code);
      return true;
    }
  }

  async function forward(job: { one: Case; portal: PortalCases; signal: AbortSignal }): Promise<void> {
    const { one, portal, signal } = job;
    let written: Promise<void> = Promise.resolve();
    let sentBytes = one.package.sentBytes;
    const onProgress = (bytes: number) => {
      sentBytes = bytes;
      written = written.then(() => deps.cases.sent(one.id, bytes));
    };
    try {
      await portal.upload(one, { onProgress, signal });
    } finally {
      await written;
    }
    await deps.cases.sent(one.id, one.package.sizeBytes ?? sentBytes);
    await deps.cases.forwarded(one.id, deps.clock.now());
    if (one.package.file !== null) await deps.shelf.drop(one.package.file);
  }
}

/** What no repetition can heal. */
const REFUSALS: readonly string[] = [
  "case.differs",
  "case.unknown",
  "package.hash_mismatch",
  "package.too_large",
  "package.unknown",
];
