import { route } from "@tms/contracts";
import { portalAccessRoutes } from "@tms/contracts/portal";
import { createTestDatabase, TestClock } from "@tms/testkit";
import { sql } from "kysely";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { createAudit } from "../audit/create-audit.ts";
import { createHttpServer } from "../http/create-http-server.ts";
import { implement } from "../http/implement.ts";
import { createLogger } from "../start/create-logger.ts";
import { createAccounts } from "./create-accounts.ts";
import { registerAccountRoutes, registerSessionRoutes } from "./session-routes.ts";

const PASSWORD = "a long enough password";
const log = createLogger({ name: "test", level: "error" });

async function openConsole() {
  const database = await createTestDatabase();
  const clock = new TestClock();
  const accounts = await createAccounts({ db: database.databases, clock });
  const audit = createAudit({ db: database.databases, clock });
  const app = createHttpServer({ name: "console", log, clock });
  registerSessionRoutes(app, {
    accounts,
    audit,
    clock,
    product: "portal",
    about: () => ({ zone: "UTC", name: "Test Portal", version: "1", demoKeys: false }),
  });
  registerAccountRoutes(app, { accounts, audit });
  implement(app, onlyExperts, ({ session }) => ({ who: session.userName }));
  const post = (url: string, payload: object, headers: Record<string, string> = {}) =>
    app.inject({ method: "POST", url, payload, headers });
  return {
    app,
    accounts,
    audit,
    clock,
    database,
    post,
    setUp: async (userName = "admin.owl") => {
      const token = tokenOf(await accounts.makeSetUpLink());
      const answer = await post("/api/v1/setup", { token, userName, password: PASSWORD });
      return { token, answer, cookie: cookieOf(answer) };
    },
    async [Symbol.asyncDispose]() {
      await app.close();
      await database.drop();
    },
  };
}

const onlyExperts = route({
  method: "GET",
  path: "/api/v1/experts",
  operationId: "onlyExperts",
  summary: "A route for experts.",
  identity: { kind: "session", roles: ["expert"] },
  limit: { bodyBytes: 0, perMinute: 100 },
  response: z.object({ who: z.string() }),
});

function tokenOf(link: string): string {
  return new URLSearchParams(link.split("?")[1]).get("token") ?? "";
}

function cookieOf(answer: { headers: Record<string, unknown> }): string {
  return String(answer.headers["set-cookie"]).split(";")[0] ?? "";
}

test("a session of the mitigator's console on the same host is none of the portal's", async () => {
  await using console = await openConsole();
  const { answer } = await console.setUp();
  const portal = cookieOf(answer);

  const both = `${portal}; ${portal.replace("portal", "mitigator")}`;
  const alone = portal.replace("portal", "mitigator");

  expect((await console.app.inject({ url: "/api/v1/session", headers: { cookie: both } })).statusCode).toBe(200);
  expect((await console.app.inject({ url: "/api/v1/session", headers: { cookie: alone } })).statusCode).toBe(401);
});

describe("set-up", () => {
  test("the link makes the first administrator once", async () => {
    await using console = await openConsole();
    const needed = await console.app.inject("/api/v1/setup");
    const { token, answer } = await console.setUp();

    const again = await console.post("/api/v1/setup", { token, userName: "second", password: PASSWORD });

    expect(needed.json()).toEqual({ needed: true });
    expect(answer.json()).toMatchObject({ userName: "admin.owl", role: "administrator" });
    expect(again.json()).toMatchObject({ status: 410, code: "setup.link_used" });
    expect((await console.app.inject("/api/v1/setup")).json()).toEqual({ needed: false });
  });

  test("of ten uses of one link at the same time one succeeds", async () => {
    await using console = await openConsole();
    const token = tokenOf(await console.accounts.makeSetUpLink());

    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, index) =>
        console.post("/api/v1/setup", { token, userName: `user-${index}`, password: PASSWORD }),
      ),
    );

    expect(answers.filter(({ statusCode }) => statusCode === 200)).toHaveLength(1);
    expect(await console.accounts.list()).toHaveLength(1);
  });

  test("a link that expired, was replaced or was invented opens nothing", async () => {
    await using console = await openConsole();
    const replaced = tokenOf(await console.accounts.makeSetUpLink());
    const expired = tokenOf(await console.accounts.makeSetUpLink());
    console.clock.advance(24 * 3_600_000);

    const answers = await Promise.all(
      [replaced, expired, "x".repeat(43)].map((token) =>
        console.post("/api/v1/setup", { token, userName: "intruder", password: PASSWORD }),
      ),
    );

    expect(answers.map((answer) => answer.json().code)).toEqual(Array(3).fill("setup.link_used"));
    expect(await console.accounts.list()).toEqual([]);
  });

  test("a link for the first administrator is worth nothing once there is one", async () => {
    await using console = await openConsole();
    await console.setUp();

    const { answer } = await console.setUp("second.owl");

    expect(answer.json().code).toBe("setup.link_used");
  });

  test("a password set anew by link ends every session and works for that name alone", async () => {
    await using console = await openConsole();
    const { cookie } = await console.setUp();
    const token = tokenOf(await console.accounts.makeSetUpLink({ userName: "admin.owl" }));

    const foreign = await console.post("/api/v1/setup", { token, userName: "somebody", password: PASSWORD });
    const own = await console.post("/api/v1/setup", { token, userName: "Admin.Owl", password: `${PASSWORD} 2` });

    expect(foreign.json().code).toBe("setup.link_used");
    expect(own.json()).toMatchObject({ userName: "admin.owl", role: "administrator" });
    expect((await console.app.inject({ url: "/api/v1/session", headers: { cookie } })).statusCode).toBe(401);
  });

  test("a short password is refused before the link is used", async () => {
    await using console = await openConsole();
    const token = tokenOf(await console.accounts.makeSetUpLink());

    await expect(console.accounts.setUp({ token, userName: "a", password: "eleven char" })).rejects.toMatchObject({
      code: "account.password_weak",
    });
    expect((await console.post("/api/v1/setup", { token, userName: "a", password: PASSWORD })).statusCode).toBe(200);
  });
});

describe("log-on", () => {
  test("gives a cookie that no script, no other site and no plain connection gets", async () => {
    await using console = await openConsole();

    const { answer } = await console.setUp();

    const [name, ...attributes] = String(answer.headers["set-cookie"]).split("; ");
    expect(name).toMatch(/^__Host-tms-portal=[0-9A-Za-z_-]{43}$/);
    expect(attributes).toEqual(expect.arrayContaining(["Path=/", "Secure", "HttpOnly", "SameSite=Strict"]));
    expect(attributes.some((attribute) => attribute.startsWith("Domain"))).toBe(false);
  });

  test("a wrong password and an unknown name give the same answer", async () => {
    await using console = await openConsole();
    await console.setUp();

    const wrong = await console.post("/api/v1/session", { userName: "admin.owl", password: "wrong" });
    const unknown = await console.post("/api/v1/session", { userName: "nobody", password: "wrong" });

    const { requestId: one, ...first } = wrong.json();
    const { requestId: other, ...second } = unknown.json();
    expect(first).toEqual(second);
    expect(first).toMatchObject({ status: 401, code: "session.credentials_wrong" });
    expect(one).not.toBe(other);
  });

  test("the sixth try is refused without a look at the password, until a minute has passed", async () => {
    await using console = await openConsole();
    await console.setUp();
    for (let index = 0; index < 5; index += 1) {
      await console.post("/api/v1/session", { userName: "admin.owl", password: `wrong ${index}` });
    }

    const right = await console.post("/api/v1/session", { userName: " ADMIN.OWL ", password: PASSWORD });
    console.clock.advance(60_000);
    const later = await console.post("/api/v1/session", { userName: "admin.owl", password: PASSWORD });

    expect(right.json()).toMatchObject({ status: 429, code: "session.throttled" });
    expect(right.headers["retry-after"]).toBe("60");
    expect(later.statusCode).toBe(200);
  });

  test("many tries at once are counted before any is answered", async () => {
    await using console = await openConsole();
    await console.setUp();

    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        console.post("/api/v1/session", { userName: "admin.owl", password: `wrong ${index}` }),
      ),
    );

    const codes = answers.map((answer) => answer.json().code);
    expect(codes.filter((code) => code === "session.credentials_wrong")).toHaveLength(5);
    expect(codes.filter((code) => code === "session.throttled")).toHaveLength(15);
  });

  test("a log-on ends the session that the browser had before", async () => {
    await using console = await openConsole();
    const { cookie } = await console.setUp();

    await console.post("/api/v1/session", { userName: "admin.owl", password: PASSWORD }, { cookie });

    expect((await console.app.inject({ url: "/api/v1/session", headers: { cookie } })).statusCode).toBe(401);
  });
});

describe("sessions", () => {
  test("end after twelve hours, and at log-off", async () => {
    await using console = await openConsole();
    const { cookie } = await console.setUp();
    const whoAmI = async (jar: string) =>
      (await console.app.inject({ url: "/api/v1/session", headers: { cookie: jar } })).statusCode;
    const before = await whoAmI(cookie);
    console.clock.advance(12 * 3_600_000);
    const expired = await whoAmI(cookie);
    const second = cookieOf(await console.post("/api/v1/session", { userName: "admin.owl", password: PASSWORD }));

    await console.app.inject({ method: "DELETE", url: "/api/v1/session", headers: { cookie: second } });

    expect([before, expired, await whoAmI(second)]).toEqual([200, 401, 401]);
  });

  test("the database holds no token that could be used", async () => {
    await using console = await openConsole();
    const { cookie, token } = await console.setUp();
    const secret = cookie.split("=")[1] ?? "";

    const { rows } = await sql<{ all: string }>`select
      (select string_agg(encode(token_sha256, 'hex') || encode(token_sha256, 'escape'), ' ') from accounts_sessions) ||
      (select string_agg(encode(token_sha256, 'hex') || encode(token_sha256, 'escape'), ' ') from accounts_setup_links)
      as all`.execute(console.database.databases.app);

    expect(rows[0]?.all).not.toContain(secret);
    expect(rows[0]?.all).not.toContain(token);
    expect(rows[0]?.all).not.toContain(Buffer.from(secret, "base64url").toString("hex"));
  });

  test("malformed, doubled and foreign cookies are nobody", async () => {
    await using console = await openConsole();
    const { cookie } = await console.setUp();
    const jars = [
      "__Host-tms-portal=",
      "__Host-tms-portal=' or 1=1 --",
      `${cookie}; ${cookie}`,
      `tms=${cookie.split("=")[1]}`,
    ];

    const answers = await Promise.all(
      jars.map((jar) => console.app.inject({ url: "/api/v1/session", headers: { cookie: jar } })),
    );

    expect(answers.map((answer) => answer.json().code)).toEqual(jars.map(() => "session.required"));
  });

  test("a request of another site does nothing, even with the cookie", async () => {
    await using console = await openConsole();
    const { cookie } = await console.setUp();
    const attacks = [
      { origin: "https://evil.example" },
      { origin: "null" },
      { "sec-fetch-site": "cross-site" },
      { "sec-fetch-site": "same-site" },
      { origin: "http://localhost:80", "sec-fetch-site": "cross-site" },
    ];

    const answers = await Promise.all(
      attacks.map((headers) =>
        console.app.inject({ method: "DELETE", url: "/api/v1/session", headers: { cookie, ...headers } }),
      ),
    );

    expect(answers.map((answer) => answer.json().code)).toEqual(attacks.map(() => "request.foreign_origin"));
    expect((await console.app.inject({ url: "/api/v1/session", headers: { cookie } })).statusCode).toBe(200);
  });

  test("the console itself may log off", async () => {
    await using console = await openConsole();
    const { cookie } = await console.setUp();
    const headers = {
      cookie,
      host: "portal.example:8440",
      origin: "https://portal.example:8440",
      "sec-fetch-site": "same-origin",
    };

    const answer = await console.app.inject({ method: "DELETE", url: "/api/v1/session", headers });

    expect(answer.json()).toEqual({ loggedOff: true });
  });
});

describe("tokens of the expert's CLI", () => {
  async function withExpert() {
    const console = await openConsole();
    const { cookie } = await console.setUp();
    await console.post("/api/v1/accounts", { userName: "expert", password: PASSWORD, role: "expert" }, { cookie });
    const issued = await console.post("/api/v1/tokens", { userName: "expert", password: PASSWORD });
    return { console, cookie, token: issued.json().token as string };
  }

  test("open experts' routes for twelve hours and no administrator's route", async () => {
    const { console, token } = await withExpert();
    await using _ = console;
    const headers = { authorization: `Bearer ${token}` };

    const expert = await console.app.inject({ url: "/api/v1/experts", headers });
    const administrator = await console.post(
      "/api/v1/accounts",
      { userName: "third", password: PASSWORD, role: "administrator" },
      headers,
    );
    console.clock.advance(12 * 3_600_000);
    const later = await console.app.inject({ url: "/api/v1/experts", headers });

    expect(expert.json()).toEqual({ who: "expert" });
    expect(administrator.json()).toMatchObject({ status: 403, code: "session.forbidden" });
    expect(later.json().code).toBe("session.required");
  });

  test("an administrator gets none, and a cookie's value is none", async () => {
    const { console, cookie } = await withExpert();
    await using _ = console;

    const issued = await console.post("/api/v1/tokens", { userName: "admin.owl", password: PASSWORD });
    const borrowed = await console.app.inject({
      url: "/api/v1/session",
      headers: { authorization: `Bearer ${cookie.split("=")[1]}` },
    });

    expect(issued.json().code).toBe("session.forbidden");
    expect(borrowed.json().code).toBe("session.required");
  });

  test("a token in the cookie is nobody", async () => {
    const { console, token } = await withExpert();
    await using _ = console;

    const answer = await console.app.inject({
      url: "/api/v1/session",
      headers: { cookie: `__Host-tms-portal=${token}` },
    });

    expect(answer.json().code).toBe("session.required");
  });

  test("a name that differs in case or form only is taken", async () => {
    const { console, cookie } = await withExpert();
    await using _ = console;

    const answer = await console.post(
      portalAccessRoutes.addAccount.path,
      { userName: "ＥＸＰＥＲＴ", password: PASSWORD, role: "expert" },
      { cookie },
    );

    expect(answer.json().code).toBe("account.name_taken");
  });
});

test("what people do stands in the audit log, without their passwords", async () => {
  await using console = await openConsole();
  const { cookie } = await console.setUp();
  await console.post("/api/v1/accounts", { userName: "expert", password: PASSWORD, role: "expert" }, { cookie });

  const { rows } = await console.audit.list({ page: 1, pageSize: 10 });

  expect(rows.map(({ action }) => action)).toEqual(["account.added", "account.set_up"]);
  expect(JSON.stringify(rows)).not.toContain(PASSWORD);
});
