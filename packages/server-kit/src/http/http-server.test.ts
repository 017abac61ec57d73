import { once } from "node:events";
import { connect } from "node:net";
import { route } from "@tms/contracts";
import { AppError } from "@tms/records";
import { TestClock } from "@tms/testkit";
import type { FastifyInstance } from "fastify";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { createLogger } from "../start/create-logger.ts";
import { createHttpServer } from "./create-http-server.ts";
import { implement } from "./implement.ts";

const PUBLIC = { kind: "public", why: "a test" } as const;
const LIMIT = { bodyBytes: 1024, perMinute: 1000 } as const;
const log = createLogger({ name: "test", level: "error" });
// The unknown errors of these tests are provoked; their log lines would only hide others.
log.level = "silent";

function makeServer(clock = new TestClock()) {
  const app = createHttpServer({ name: "test", log, clock });
  return { app, clock, [Symbol.asyncDispose]: () => app.close() };
}

const echo = route({
  method: "POST",
  path: "/echo/:id",
  operationId: "echo",
  summary: "Gives back what it got.",
  identity: PUBLIC,
  limit: LIMIT,
  params: z.object({ id: z.coerce.number().int() }),
  query: z.object({ loud: z.stringbool().default(false) }),
  body: z.object({ text: z.string().min(1).max(10) }),
  response: z.object({ id: z.number(), text: z.string() }),
  status: 201,
});

function implementEcho(app: FastifyInstance): void {
  implement(app, echo, ({ params, query, body }) => ({
    id: params.id,
    text: query.loud ? body.text.toUpperCase() : body.text,
  }));
}

describe("a route without a declaration does not register", () => {
  const undeclared = [
    { name: "no identity", config: { limit: LIMIT } },
    { name: "no limit", config: { identity: PUBLIC } },
    { name: "nothing at all", config: {} },
    { name: "a public route without a reason", config: { identity: { kind: "public", why: " " }, limit: LIMIT } },
    { name: "a session for no role", config: { identity: { kind: "session", roles: [] }, limit: LIMIT } },
    { name: "an invented identity", config: { identity: { kind: "anybody" }, limit: LIMIT } },
    { name: "a negative limit", config: { identity: PUBLIC, limit: { bodyBytes: -1, perMinute: 1 } } },
    { name: "no rate", config: { identity: PUBLIC, limit: { bodyBytes: 1, perMinute: 0 } } },
  ];
  for (const { name, config } of undeclared) {
    test(name, async () => {
      await using server = makeServer();

      const register = () => server.app.get("/hole", { config: config as object }, () => "open");

      expect(register).toThrow(/does not register/);
    });
  }

  test("nor does one inside a plugin inside a plugin", async () => {
    await using server = makeServer();
    void server.app.register(async (outer) => {
      void outer.register(async (inner) => {
        inner.get("/hole", () => "open");
      });
    });

    await expect(server.app.ready()).rejects.toThrow(/declares no identity/);
  });

  test("a session route without sessions does not start", async () => {
    await using server = makeServer();
    server.app.get("/own", { config: { identity: { kind: "session", roles: ["a"] }, limit: LIMIT } }, () => "open");

    await expect(server.app.ready()).rejects.toThrow(/no sessions were registered/);
  });
});

describe("implement", () => {
  test("parses every part and answers with the declared status", async () => {
    await using server = makeServer();
    implementEcho(server.app);

    const answer = await server.app.inject({ method: "POST", url: "/echo/7?loud=true", payload: { text: "hi" } });

    expect(answer.statusCode).toBe(201);
    expect(answer.json()).toEqual({ id: 7, text: "HI" });
  });

  test("a malformed request names its fields and nothing of what they held", async () => {
    await using server = makeServer();
    implementEcho(server.app);

    const answer = await server.app.inject({ method: "POST", url: "/echo/7", payload: { text: "hunter2-and-more" } });

    expect(answer.headers["content-type"]).toContain("application/problem+json");
    expect(answer.json()).toMatchObject({ status: 400, code: "request.malformed", fields: [{ path: "body/text" }] });
    expect(answer.body).not.toContain("hunter2");
  });

  test("what is no JSON, or no JSON type, is malformed", async () => {
    await using server = makeServer();
    implementEcho(server.app);
    const send = (payload: string, type: string) =>
      server.app.inject({ method: "POST", url: "/echo/7", payload, headers: { "content-type": type } });

    const answers = await Promise.all([
      send("{", "application/json"),
      send("", "application/json"),
      send("text=hi", "application/x-www-form-urlencoded"),
      send('{"text":"hi","__proto__":{"x":1}}', "application/json"),
    ]);

    expect(answers.map((answer) => answer.json().code)).toEqual(Array(4).fill("request.malformed"));
  });

  test("a session that is read on a route without one is nobody", async () => {
    await using server = makeServer();
    const peek = route({
      ...echo,
      method: "GET",
      path: "/peek",
      body: undefined,
      params: undefined,
      response: undefined,
    } as never);
    implement(server.app, peek, ({ session }) => session);

    const answer = await server.app.inject("/peek");

    expect(answer.json().code).toBe("session.required");
  });
});

describe("errors", () => {
  test("an AppError tells its code, text and cure, and keeps its details", async () => {
    await using server = makeServer();
    server.app.get("/fail", { config: { identity: PUBLIC, limit: LIMIT } }, () => {
      throw new AppError("customer.unknown", { secretPlace: "/srv/inside" });
    });

    const answer = await server.app.inject("/fail");

    expect(answer.json()).toMatchObject({ status: 404, code: "customer.unknown", title: "There is no such customer." });
    expect(answer.body).not.toContain("inside");
  });

  test("an unknown error tells the request id and nothing else", async () => {
    await using server = makeServer();
    server.app.get("/fail", { config: { identity: PUBLIC, limit: LIMIT } }, () => {
      throw Object.assign(new Error("password=hunter2 in /srv/inside"), { statusCode: 418, details: "more" });
    });

    const answer = await server.app.inject("/fail");

    expect(answer.json()).toMatchObject({ status: 500, code: "server.internal" });
    expect(answer.json().requestId).toBe(answer.headers["x-request-id"]);
    expect(answer.body).not.toMatch(/hunter2|inside|more|at Object/);
  });

  test("an answer that is not what the contract says does not leave", async () => {
    await using server = makeServer();
    implement(server.app, echo, () => ({ id: 1, text: { passwordHash: "x" } }) as never);

    const answer = await server.app.inject({ method: "POST", url: "/echo/7", payload: { text: "hi" } });

    expect(answer.json().code).toBe("server.internal");
    expect(answer.body).not.toContain("passwordHash");
  });

  test("fields that the contract does not name are cut off", async () => {
    await using server = makeServer();
    implement(server.app, echo, () => ({ id: 1, text: "a", passwordHash: "x" }));

    const answer = await server.app.inject({ method: "POST", url: "/echo/7", payload: { text: "hi" } });

    expect(answer.json()).toEqual({ id: 1, text: "a" });
  });

  test("a caller cannot choose the request id", async () => {
    await using server = makeServer();

    const answer = await server.app.inject({
      url: "/none",
      headers: { "x-request-id": "forged", "request-id": "forged" },
    });

    expect(answer.json().code).toBe("request.not_found");
    expect(answer.body).not.toContain("forged");
  });

  test("bytes that are no HTTP get a problem too, and the line is cut", async () => {
    await using server = makeServer();
    await server.app.listen({ host: "127.0.0.1", port: 0 });
    const { port } = server.app.server.address() as { port: number };
    const socket = connect(port, "127.0.0.1");
    let got = "";
    socket.on("data", (chunk) => {
      got += chunk.toString();
    });

    socket.write("NOT HTTP AT ALL\r\n\r\n");
    await once(socket, "close");

    expect(got).toMatch(/^HTTP\/1\.1 400 /);
    expect(got).toContain("request.malformed");
  });
});

describe("limits", () => {
  test("a body over the route's limit is refused, however it is sent", async () => {
    await using server = makeServer();
    implementEcho(server.app);
    const payload = JSON.stringify({ text: "x".repeat(2000) });
    const headers = { "content-type": "application/json" };

    const stated = await server.app.inject({ method: "POST", url: "/echo/7", payload, headers });
    const chunked = await server.app.inject({
      method: "POST",
      url: "/echo/7",
      payload: (await import("node:stream")).Readable.from([payload.slice(0, 700), payload.slice(700)]),
      headers: { ...headers, "transfer-encoding": "chunked" },
    });

    expect([stated.json().code, chunked.json().code]).toEqual(["request.too_large", "request.too_large"]);
  });

  test("over the rate the answer is 429 with the time to wait, after which it works again", async () => {
    await using server = makeServer();
    server.app.get("/few", { config: { identity: PUBLIC, limit: { bodyBytes: 0, perMinute: 6 } } }, () => "ok");
    const ask = (remoteAddress: string) => server.app.inject({ url: "/few", remoteAddress });
    for (let index = 0; index < 6; index += 1) await ask("192.0.2.1");

    const refused = await ask("192.0.2.1");
    const neighbour = await ask("192.0.2.2");
    server.clock.advance(10_000);
    const later = await ask("192.0.2.1");

    expect(refused.json()).toMatchObject({ status: 429, code: "request.rate_limited" });
    expect(refused.headers["retry-after"]).toBe("10");
    expect([neighbour.statusCode, later.statusCode]).toEqual([200, 200]);
  });

  test("forwarded-for headers, unknown paths and a household's many IPv6 addresses are no way around it", async () => {
    await using server = makeServer();
    server.app.get("/few", { config: { identity: PUBLIC, limit: { bodyBytes: 0, perMinute: 2 } } }, () => "ok");
    const codes: number[] = [];

    for (let index = 0; index < 4; index += 1) {
      const answer = await server.app.inject({
        url: `/few?${index}`,
        remoteAddress: `2001:db8:1:2::${index + 1}`,
        headers: { "x-forwarded-for": `198.51.100.${index}` },
      });
      codes.push(answer.statusCode);
    }
    const unknown = await Promise.all(
      Array.from({ length: 310 }, (_, index) =>
        server.app.inject({ url: `/none/${index}`, remoteAddress: "192.0.2.9" }),
      ),
    );

    expect(codes).toEqual([200, 200, 429, 429]);
    expect(unknown.filter(({ statusCode }) => statusCode === 429)).toHaveLength(10);
  });
});

describe("headers", () => {
  test("every answer forbids framing, sniffing and caching, also an error", async () => {
    await using server = makeServer();
    implementEcho(server.app);

    for (const url of ["/echo/1", "/none"]) {
      const { headers } = await server.app.inject({ method: "POST", url, payload: { text: "a" } });
      expect(headers["content-security-policy"]).toContain("default-src 'none'");
      expect(headers["content-security-policy"]).toContain("frame-ancestors 'none'");
      expect(headers["x-content-type-options"]).toBe("nosniff");
      expect(headers["cache-control"]).toBe("no-store");
      expect(headers["strict-transport-security"]).toBeUndefined();
    }
  });

  test("a route's own policy stays", async () => {
    await using server = makeServer();
    server.app.get("/report", { config: { identity: PUBLIC, limit: LIMIT } }, (_request, reply) =>
      reply.header("content-security-policy", "sandbox").send("ok"),
    );

    expect((await server.app.inject("/report")).headers["content-security-policy"]).toBe("sandbox");
  });
});

test("a raw route keeps its body as a stream and its own answer", async () => {
  await using server = makeServer();
  void server.app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser("*", (_request, _payload, done) => done(null));
    const config = { identity: { kind: "product" }, limit: { bodyBytes: 1_000_000, perMinute: 10 } } as const;
    scope.route({
      method: ["PATCH"],
      url: "/raw",
      config,
      handler: async (request, reply) => {
        reply.hijack();
        let bytes = 0;
        for await (const chunk of request.raw) bytes += (chunk as Buffer).length;
        reply.raw.end(String(bytes));
      },
    });
  });
  await server.app.listen({ host: "127.0.0.1", port: 0 });
  const { port } = server.app.server.address() as { port: number };

  const answer = await fetch(`http://127.0.0.1:${port}/raw`, {
    method: "PATCH",
    body: Buffer.alloc(100_000),
    headers: { "content-type": "application/offset+octet-stream" },
  });

  expect(await answer.text()).toBe("100000");
});

test("closing lets a running request end", async () => {
  const { app } = makeServer();
  const began = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  app.get("/slow", { config: { identity: PUBLIC, limit: LIMIT } }, async () => {
    began.resolve();
    await goOn.promise;
    return "done";
  });
  await app.listen({ host: "127.0.0.1", port: 0 });
  const { port } = app.server.address() as { port: number };
  const asked = fetch(`http://127.0.0.1:${port}/slow`);
  await began.promise;

  const closed = app.close();
  goOn.resolve();

  expect(await (await asked).text()).toBe("done");
  await closed;
});
