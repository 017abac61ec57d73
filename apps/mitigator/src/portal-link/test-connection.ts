import { randomUUID } from "node:crypto";
import { AppError, type Clock } from "@tms/records";
import { digestOfTested, type PortalSettings } from "./portal-settings.ts";
import type { DialledProxy } from "./proxy-settings.ts";
import type { TestTokens } from "./test-tokens.ts";

export const LANES = ["logServer", "statusServer"] as const;
export type Lane = (typeof LANES)[number];

export interface TestStep {
  step: "name-look-up" | "proxy" | "tcp" | "handshake" | "credentials" | "accepts" | "clock-difference";
  state: "waiting" | "running" | "ok" | "failed" | "not-needed" | "not-run";
  /** What was found: an address, a fingerprint, a difference. */
  fact: string;
  ms: number | null;
  code: string | null;
  text: string | null;
  cure: string | null;
}

export interface RunningTest {
  id: string;
  startedAt: Date;
  finishedAt: Date | null;
  ok: boolean | null;
  token: { token: string; expiresAt: Date } | null;
  lanes: Record<Lane, TestStep[]>;
}

export interface TestedValues {
  settings: PortalSettings;
  password: string;
  proxy: DialledProxy | null;
}

/** Tests values against both servers at once; calls back whenever a step changes. */
export type RunConnectionTest = (
  values: TestedValues,
  watch: { onLanes: (lanes: Record<Lane, TestStep[]>) => void; signal: AbortSignal },
) => Promise<Record<Lane, TestStep[]>>;

export const TEST_LIMIT_MS = 30_000;
const MAX_TESTS = 16;

/** Test Connection: tests values, saves nothing, and can be watched and ended while it runs. */
export interface ConnectionTests {
  start(values: TestedValues): RunningTest;
  get(id: string): RunningTest;
  cancel(id: string): Promise<RunningTest>;
  stop(): Promise<void>;
}

export function createConnectionTests(deps: {
  run: RunConnectionTest;
  tokens: TestTokens;
  newLanes: () => Record<Lane, TestStep[]>;
  onError: (error: unknown) => void;
  clock: Clock;
}): ConnectionTests {
  const tests = new Map<string, { test: RunningTest; cancel: AbortController; done: Promise<void> }>();

  const find = (id: string) => {
    const found = tests.get(id);
    if (found === undefined) throw new AppError("request.not_found", { test: id });
    return found;
  };

  return {
    start(values) {
      const oldest = tests.keys().next().value;
      if (tests.size >= MAX_TESTS && oldest !== undefined) {
        find(oldest).cancel.abort();
        tests.delete(oldest);
      }
      const test: RunningTest = {
        id: randomUUID(),
        startedAt: deps.clock.now(),
        finishedAt: null,
        ok: null,
        token: null,
        lanes: deps.newLanes(),
      };
      const cancel = new AbortController();
      tests.set(test.id, { test, cancel, done: follow(test, values, cancel.signal) });
      return test;
    },
    get: (id) => find(id).test,
    cancel: async (id) => {
      const { test, cancel, done } = find(id);
      cancel.abort();
      await done;
      return test;
    },
    stop: async () => {
      for (const { cancel } of tests.values()) cancel.abort();
      await Promise.all([...tests.values()].map(({ done }) => done));
    },
  };

  async function follow(test: RunningTest, values: TestedValues, cancelled: AbortSignal): Promise<void> {
    const signal = AbortSignal.any([cancelled, AbortSignal.timeout(TEST_LIMIT_MS)]);
    const onLanes = (lanes: Record<Lane, TestStep[]>) => {
      test.lanes = lanes;
    };
    try {
      test.lanes = await deps.run(values, { onLanes, signal });
      test.ok = LANES.every((lane) => test.lanes[lane].every(({ state }) => state === "ok" || state === "not-needed"));
      if (test.ok) test.token = deps.tokens.issue(digestOfTested(values.settings, values));
    } catch (error) {
      test.ok = false;
      if (!signal.aborted) deps.onError(error);
    }
    test.lanes = closeLanes(test.lanes);
    test.finishedAt = deps.clock.now();
  }
}

/** A test that was ended leaves no step running. */
function closeLanes(lanes: Record<Lane, TestStep[]>): Record<Lane, TestStep[]> {
  const closed = (steps: TestStep[]) =>
    steps.map(
      (step): TestStep => (step.state === "waiting" || step.state === "running" ? { ...step, state: "not-run" } : step),
    );
  return { logServer: closed(lanes.logServer), statusServer: closed(lanes.statusServer) };
}
