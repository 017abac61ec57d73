import { expect, test } from "vitest";
import { type ProductFacts, stateOfProduct } from "./product-state.ts";

const AT = new Date("2026-11-24T09:00:00Z");

function factsWith(change: Partial<ProductFacts> = {}): ProductFacts {
  return {
    registration: "registered",
    registeredAt: AT,
    certificateNotAfter: AT,
    endedAt: null,
    endedBy: null,
    clonedAt: null,
    hosts: [],
    liveness: "online",
    lastSeenAt: AT,
    ready: { ok: true, reasons: [] },
    readySince: AT,
    sending: "on",
    sendingSince: AT,
    ...change,
  };
}

test.each([
  [{}, "online", false],
  [{ liveness: "awaited", ready: null }, "first-heartbeat-awaited", false],
  [{ liveness: "late" }, "late", true],
  [{ liveness: "offline" }, "offline", true],
  [{ liveness: "portal-away" }, "portal-away", false],
  [{ registration: "unconfirmed" }, "unconfirmed", true],
  [{ registration: "unregistered", liveness: "offline" }, "unregistered", false],
  [{ registration: "revoked", liveness: "offline" }, "revoked", false],
  [{ registration: "may-only-renew" }, "may-only-renew", true],
  [{ clonedAt: AT, liveness: "offline" }, "clone-suspected", true],
  [{ clonedAt: AT, registration: "revoked" }, "revoked", false],
] as const satisfies [Partial<ProductFacts>, string, boolean][])(
  "%j is shown as %s",
  (change, state, needsSomebody) => {
    expect(stateOfProduct(factsWith(change as Partial<ProductFacts>))).toMatchObject({ state, needsSomebody });
  },
);

test("a product that is up but cannot mitigate says why", () => {
  const ready = { ok: false, reasons: [{ code: "db", text: "its database does not answer" }] };

  expect(stateOfProduct(factsWith({ ready }))).toMatchObject({
    state: "online-cannot-mitigate",
    reason: "its database does not answer",
  });
});

test("a disabled product is neither late nor offline, however long it is silent", () => {
  expect(stateOfProduct(factsWith({ sending: "disabled", liveness: "offline" }))).toMatchObject({
    state: "sending-disabled",
    needsSomebody: false,
  });
});
