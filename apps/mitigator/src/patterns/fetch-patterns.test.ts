import { type CustomerId, type EndpointId, newId } from "@tms/records";
import { expect, test } from "vitest";
import { openWorld } from "./pattern-world.contract.ts";

test("takes a pattern in for our own endpoints among those it names, once however often it looks", async () => {
  const world = await openWorld();
  const [own] = world.endpoints as [EndpointId, EndpointId];
  world.issue([own, newId<EndpointId>()]);

  await world.fetchPatterns();
  await world.fetchPatterns();

  expect(await world.states()).toEqual(new Map([[own, "verified"]]));
  expect((await world.told()).map((record) => record.body.deployment?.state)).toEqual([
    "downloaded-by-mitigator",
    "verified",
  ]);
});

test("a pattern of another customer, and one that has expired, are refused, judged once, and stop no other", async () => {
  const world = await openWorld();
  const [one, other] = world.endpoints as [EndpointId, EndpointId];
  const foreign = world.issue([one], { customer: newId<CustomerId>() });
  const expired = world.issue([one], { expires: new Date(world.clock.now().getTime() - 1000).toISOString() });
  world.issue([other]);

  await world.fetchPatterns();
  await world.fetchPatterns();

  expect(world.refused.map(({ path, code }) => [path, code]).sort()).toEqual(
    [
      [foreign.path, "pattern.customer_differs"],
      [expired.path, "pattern.expired"],
    ].sort(),
  );
  expect(await world.states()).toEqual(new Map([[other, "verified"]]));
});

test("bytes that are not the signed ones are not taken in, stop no other, and are asked for again", async () => {
  const world = await openWorld();
  const [one, other] = world.endpoints as [EndpointId, EndpointId];
  const bent = world.issue([one]);
  world.issue([other]);
  const changed = Buffer.from(bent.bytes.toString().replace('"maxKills":1', '"maxKills":9'));
  world.files.set(`targets/${bent.path}`, changed);

  await world.fetchPatterns();
  const first = { refused: [...world.refused], states: await world.states() };
  world.files.set(`targets/${bent.path}`, bent.bytes);
  await world.fetchPatterns();

  expect(first.refused).toEqual([{ path: bent.path, code: "pattern.digest_mismatch" }]);
  expect(first.states).toEqual(new Map([[other, "verified"]]));
  expect((await world.states()).get(one)).toBe("verified");
});

test("an agent gets a custom pattern's bytes only where it is deployed to, and every ask is counted", async () => {
  const world = await openWorld();
  const [own, other] = world.endpoints as [EndpointId, EndpointId];
  const { path, bytes } = world.issue([own]);
  await world.fetchPatterns();

  const given = await world.serve.target(own, path);
  const refused = await world.serve.target(other, path);
  const unknown = await world.serve.target(own, "regular/RP-nothing.json");

  expect(given).toEqual(bytes);
  expect([refused, unknown]).toEqual([null, null]);
  expect(world.asked).toEqual([own, other]);
});
