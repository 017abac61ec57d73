import { expect, test } from "vitest";
import { createLogger } from "../start/create-logger.ts";
import { createHttpServer } from "./create-http-server.ts";
import { createHealth, registerHealthRoutes } from "./health-routes.ts";

const log = createLogger({ name: "test", level: "error" });

function server() {
  const world = { isUp: true, looks: 0, now: 0 };
  const database = {
    name: "postgresql",
    look: async () => {
      world.looks += 1;
      if (!world.isUp) throw new Error("postgres://owner:hunter2@db is away");
    },
  };
  const events = { name: "event-store", look: async () => undefined };
  const app = createHttpServer({ name: "health", log });
  registerHealthRoutes(
    app,
    createHealth([database, events], () => world.now),
  );
  return { world, ask: (url: string) => app.inject(url), [Symbol.asyncDispose]: () => app.close() };
}

test("ready while every part answers, else 503 and the name of the part, and nothing of the reason", async () => {
  await using place = server();

  const up = await place.ask("/readyz");
  place.world.isUp = false;
  place.world.now = 1_000;
  const [away, alive] = [await place.ask("/readyz"), await place.ask("/livez")];

  expect([up.statusCode, away.statusCode, alive.statusCode]).toEqual([200, 503, 200]);
  expect(up.json()).toEqual({
    ok: true,
    parts: [
      { name: "postgresql", ok: true },
      { name: "event-store", ok: true },
    ],
  });
  expect(away.json()).toEqual({
    ok: false,
    parts: [
      { name: "postgresql", ok: false },
      { name: "event-store", ok: true },
    ],
  });
  expect(alive.json()).toEqual({ ok: true });
  expect(away.body).not.toContain("hunter2");
});

test("a hundred questions within a second look at a part once", async () => {
  await using place = server();

  await Promise.all(Array.from({ length: 100 }, () => place.ask("/readyz")));
  const within = place.world.looks;
  place.world.now = 1_000;
  await place.ask("/readyz");

  expect([within, place.world.looks]).toEqual([1, 2]);
});
