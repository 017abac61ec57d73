import { type CustomerId, newId, type ProductId } from "@tms/records";
import { expect, test } from "vitest";
import { createKeepLimits, type Sender } from "./keep-limits.ts";
import type { Limits } from "./limits.ts";

const LIMITS: Limits = { bytesPerDay: 1000, customerBytesPerDay: 1500, packageBytes: 100, requestsPerSecond: 2 };

function arrange() {
  const at = { ms: 0 };
  const table = new Map<CustomerId, Map<string, number>>();
  const asked: CustomerId[] = [];
  const bytesOf = (customer: CustomerId) => table.get(customer) ?? new Map<string, number>();
  const limits = createKeepLimits({
    limitsOf: async () => LIMITS,
    usage: {
      async ofToday({ customer }) {
        asked.push(customer);
        return { byProduct: new Map(bytesOf(customer)), secondsLeft: 3600 };
      },
      async addApart({ customer }, { product, bytes }) {
        table.set(customer, bytesOf(customer).set(product, (bytesOf(customer).get(product) ?? 0) + bytes));
      },
    },
    monotonicMs: () => at.ms,
  });
  const sender = (customer = newId<CustomerId>()): Sender => ({ customer, product: newId<ProductId>() });
  return { at, limits, asked, sender };
}

test("a product that sent its day's bytes waits until the next day, and its sibling only with the customer's", async () => {
  const { limits, sender } = arrange();
  const one = sender();
  const sibling = sender(one.customer);
  const neighbour = sender();
  await limits.tookPackage(one, 1000);

  await expect(limits.admitBytes(one)).rejects.toMatchObject({ code: "limit.bytes_per_day" });
  await limits.admitBytes(sibling);
  await limits.tookPackage(sibling, 500);

  await expect(limits.admitBytes(sibling)).rejects.toMatchObject({ code: "limit.bytes_per_day" });
  await limits.admitBytes(neighbour);
});

test("the time to come again is after the next day began, and not the same for all", async () => {
  const { limits, sender } = arrange();
  const many = Array.from({ length: 8 }, () => sender());
  for (const one of many) await limits.tookPackage(one, 1000);

  const waits = await Promise.all(
    many.map((one) =>
      limits.admitBytes(one).then(
        () => 0,
        (error: { details: { retryAfterSeconds: number } }) => error.details.retryAfterSeconds,
      ),
    ),
  );

  for (const seconds of waits) {
    expect(seconds).toBeGreaterThan(3600);
    expect(seconds).toBeLessThanOrEqual(3901);
  }
  expect(new Set(waits).size).toBeGreaterThan(1);
});

test("far below the limit an older figure does, what was taken here is in it, and near the limit it is read anew", async () => {
  const { at, limits, asked, sender } = arrange();
  const one = sender();

  await limits.admitBytes(one);
  await limits.admitBytes(one);
  const far = asked.length;
  limits.note(one, 950);
  await limits.admitBytes(one);
  const near = asked.length;
  at.ms = 5_000;
  await limits.admitBytes(one);

  expect([far, near, asked.length]).toEqual([1, 2, 3]);
});

test("a package that is too large, or comes too late in the day, is told when to come again", async () => {
  const { limits, sender } = arrange();
  const one = sender();

  await expect(limits.admitPackage(one, 101)).rejects.toMatchObject({
    code: "limit.package_size",
    details: { retryAfterSeconds: 3600 },
  });
  await limits.admitPackage(one, 100);
  await limits.tookPackage(one, 1000);
  await expect(limits.admitPackage(one, 1)).rejects.toMatchObject({ code: "limit.bytes_per_day" });
});

test("two seconds' worth of requests may come at once, then they flow in evenly, and each product has its own", async () => {
  const { at, limits, sender } = arrange();
  const [one, other] = [sender(), sender()];
  const tries = async (count: number, who: Sender) => {
    let served = 0;
    for (let index = 0; index < count; index += 1) {
      served += await limits.admitRequest(who).then(
        () => 1,
        () => 0,
      );
    }
    return served;
  };

  const first = await tries(20, one);
  const beside = await tries(4, other);
  at.ms = 1000;
  const second = await tries(20, one);

  expect([first, beside, second]).toEqual([4, 4, 2]);
  await expect(limits.admitRequest(one)).rejects.toMatchObject({
    code: "limit.requests_per_second",
    details: { retryAfterSeconds: 1 },
  });
});
