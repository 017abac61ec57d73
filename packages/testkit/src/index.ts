export {
  type AxeViolation,
  axeViolations,
  openBrowser,
  type PageOptions,
  pageComplaints,
  type TestBrowser,
} from "./browser.ts";
export { type Chaos, ChaosProxy } from "./chaos-proxy.ts";
export { DyingDisk, Killed } from "./dying-disk.ts";
export { FakeAgent, type FakeAgentOptions, makeThreatEvent } from "./fake-agent.ts";
export { FakePortal, type FakePortalOptions } from "./fake-portal.ts";
export { FakeIntakeStore } from "./fake-portal-store.ts";
export { FakeProxy, type FakeProxyOptions, type ProxyChaos } from "./fake-proxy.ts";
export type { FakeProduct } from "./fake-registrations.ts";
export {
  freePort,
  isInstalled,
  REAL_PROXY_LOG_ON,
  type RealProxy,
  startDante,
  startSquid,
  startTinyproxy,
} from "./real-proxies.ts";
export { createTestCa } from "./test-ca.ts";
export { TestClock } from "./test-clock.ts";
export { createEmptyDatabase, createTestDatabase, type TestDatabase } from "./test-database.ts";
export { createTestEventStore, type TestEventStore } from "./test-event-store.ts";
