import { verifyConsent, verifyPattern } from "@tms/patterns";
import { type EndpointId, newId } from "@tms/records";
import type { SignedBytes } from "@tms/signing";
import { expect, test } from "vitest";
import { codeOf, DAY_MS, openWorld } from "./pattern-world.contract.ts";

async function verified() {
  const world = await openWorld();
  const [one, other] = world.endpoints as [EndpointId, EndpointId];
  const issued = world.issue([one]);
  await world.fetchPatterns();
  return { ...world, one, other, issued };
}

test("the consent is to this digest, this plan and this endpoint, by the site's own key, and ends in a week", async () => {
  const { deploy, source, orders, consentKey, customer, one, other, issued, clock } = await verified();
  await deploy.deployVerified();

  const [order] = orders;
  const consent = order?.payload.consent as SignedBytes;
  const target = (await (await source.mirror())?.currentTargets())?.find(({ path }) => path === issued.path);
  if (target === undefined) throw new Error("no target");
  const pattern = verifyPattern({ bytes: issued.bytes, target, customer, endpoint: null, now: clock.now() });
  const check = (over: object) => {
    const at = { pattern, customer, endpoint: one, now: clock.now(), ...over };
    return codeOf(Promise.resolve().then(() => verifyConsent(consent, consentKey.publicSpki, at)));
  };

  expect(order).toMatchObject({ endpoint: one, kind: "apply-pattern", payload: { target: issued.path } });
  expect(await check({})).toBe("no error");
  expect(await check({ endpoint: other })).toBe("consent.invalid");
  expect(await check({ pattern: { ...pattern, digest: "0".repeat(64) } })).toBe("consent.invalid");
  expect(await check({ pattern: { ...pattern, planDigest: "0".repeat(64) } })).toBe("consent.invalid");
  expect(await check({ now: new Date(clock.now().getTime() + 7 * DAY_MS) })).toBe("consent.invalid");
});

test("the same order is given again until its agent tells something, under one id", async () => {
  const { deploy, orders, states, told, one } = await verified();
  await deploy.deployVerified();
  await deploy.deployVerified();

  expect(new Set(orders.map(({ id }) => id)).size).toBe(1);
  expect((await states()).get(one)).toBe("sent-to-agent");
  expect((await told()).filter(({ body }) => body.deployment?.state === "sent-to-agent")).toHaveLength(1);
});

test("without the policy nothing is ordered until a person does, and then once", async () => {
  const { deploy, store, settings, orders, one } = await verified();
  settings.byPolicy = false;
  await deploy.deployVerified();
  const before = orders.length;
  const [waiting] = await store.inState("waits-for-order");
  if (waiting === undefined) throw new Error("nothing waits");

  await deploy.deployByHand(waiting, "ann");
  const again = await codeOf(deploy.deployByHand(waiting, "ben"));
  const unknown = await codeOf(deploy.deployByHand({ ...waiting, endpoint: newId<EndpointId>() }, "ann"));

  expect(before).toBe(0);
  expect([again, unknown]).toEqual(["pattern.state_wrong", "pattern.unknown"]);
  expect(orders.map(({ endpoint }) => endpoint)).toEqual([one]);
  expect((await store.get(waiting))?.orderedBy).toBe("ann");
});

test("a pattern that expired while it waited gets no consent, and nothing moves", async () => {
  const { deploy, store, settings, orders, clock } = await verified();
  settings.byPolicy = false;
  await deploy.deployVerified();
  const [waiting] = await store.inState("waits-for-order");
  if (waiting === undefined) throw new Error("nothing waits");
  clock.advance(31 * DAY_MS);

  expect(await codeOf(deploy.deployByHand(waiting, "ann"))).toBe("pattern.expired");
  expect(await store.get(waiting)).toEqual(waiting);
  expect(orders).toEqual([]);
});

test("a deployment that can no longer be ordered fails with its reason and holds up no other", async () => {
  const { issue, fetchPatterns, deploy, settings, orders, states, told, one, other } = await verified();
  settings.refuses.set(one, "directive.not_allowed");
  issue([other]);
  await fetchPatterns();

  await deploy.deployVerified();
  await deploy.deployVerified();

  expect(await states()).toEqual(
    new Map([
      [one, "failed"],
      [other, "sent-to-agent"],
    ]),
  );
  expect(new Set(orders.map(({ endpoint }) => endpoint))).toEqual(new Set([other]));
  const failures = (await told()).filter(({ body }) => body.deployment?.state === "failed");
  expect(failures.map(({ body }) => body.detail)).toEqual(["The order ended with directive.not_allowed."]);
});

test("a line that is down ends the pass and fails nothing", async () => {
  const { deploy, settings, states, one } = await verified();
  settings.refuses.set(one, "link.unreachable");

  expect(await codeOf(deploy.deployVerified())).toBe("link.unreachable");
  expect((await states()).get(one)).toBe("sent-to-agent");
});

test("undo is ordered only of what can be undone", async () => {
  const { deploy, store, orders, one } = await verified();
  const [deployment] = await store.inState("verified");
  if (deployment === undefined) throw new Error("nothing verified");
  const early = await codeOf(deploy.undo(deployment));
  await store.save({ ...deployment, state: "succeeded", undo: "possible" }, []);

  await deploy.undo(deployment);

  expect(early).toBe("pattern.state_wrong");
  expect(orders.map(({ kind, endpoint }) => [kind, endpoint])).toEqual([["undo", one]]);
});
