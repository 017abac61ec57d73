export { type Chaos, ChaosProxy } from "./chaos-proxy.ts";
export { FakeAgent, type FakeAgentOptions, makeThreatEvent } from "./fake-agent.ts";
export { FakePortal, type FakePortalOptions, type FakeProduct } from "./fake-portal.ts";
export { FakeIntakeStore } from "./fake-portal-store.ts";
export { createTestCa } from "./test-ca.ts";
export { TestClock } from "./test-clock.ts";
