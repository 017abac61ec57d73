import { type EndpointId, newId } from "@tms/records";
import { describe, expect, test } from "vitest";
import { byNeed, type Endpoint, isOlder, silenceMsOf, stateOfEndpoint } from "./endpoint.ts";

describe("an endpoint's state", () => {
  const now = new Date("2026-11-24T09:00:00Z");
  const ago = (seconds: number) => new Date(now.getTime() - seconds * 1000);
  const silence = { now, silenceMs: silenceMsOf(60), version: "1.2.0" };
  const endpoint = (change: Partial<Endpoint> = {}): Endpoint => ({
    id: newId<EndpointId>(),
    host: "host-1",
    address: "127.0.0.1",
    agentVersion: "1.2.0",
    ready: true,
    enrolledAt: ago(9000),
    lastHeartbeatAt: ago(10),
    connectedSince: ago(3000),
    patternRequests: 0,
    ...change,
  });
  const calm = { count: 0, since: null };

  test.each([
    ["connected", endpoint(), calm, ago(3000)],
    ["connected", endpoint({ lastHeartbeatAt: ago(190) }), calm, ago(3000)],
    ["disconnected", endpoint({ lastHeartbeatAt: ago(191) }), calm, ago(191)],
    ["outdated-agent", endpoint({ agentVersion: "1.1.9" }), calm, ago(3000)],
    ["not-known", endpoint({ lastHeartbeatAt: null }), calm, ago(9000)],
    ["nonconforming", endpoint({ lastHeartbeatAt: ago(999) }), { count: 1, since: ago(50) }, ago(50)],
  ] as const)("is %s", (state, one, unresolved, since) => {
    const judged = stateOfEndpoint(one, unresolved, silence);

    expect(judged).toEqual({ state, since });
  });

  test("versions compare by number, and one that is no version counts as old", () => {
    const compared = [
      isOlder("1.9.0", "1.10.0"),
      isOlder("1.10.0", "1.9.0"),
      isOlder("1.2.0", "1.2.0"),
      isOlder("next", "1.0.0"),
    ];

    expect(compared).toEqual([true, false, false, true]);
  });

  test("those that need somebody come first", () => {
    const rows = [
      { state: "connected" as const, host: "a" },
      { state: "nonconforming" as const, host: "z" },
      { state: "connected" as const, host: "b" },
    ];

    const sorted = [...rows].sort(byNeed).map(({ host }) => host);

    expect(sorted).toEqual(["z", "a", "b"]);
  });
});
