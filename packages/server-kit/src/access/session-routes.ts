import { type SessionView, sessionRoutes } from "@tms/contracts";
import { portalAccessRoutes } from "@tms/contracts/portal";
import { type Clock, systemClock } from "@tms/records";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Audit } from "../audit/create-audit.ts";
import { implement } from "../http/implement.ts";
import { addressKey } from "../http/rate-limit.ts";
import { SESSION_SOURCE, type Session, type SessionSource } from "../http/session-source.ts";
import type { Accounts } from "./create-accounts.ts";
import { type SessionCookie, sessionCookie } from "./session-cookie.ts";

export interface SessionRoutesDeps {
  accounts: Accounts;
  product: SessionView["product"];
  /** What the console shows of this server; asked at each request, because the demo's keys may be replaced. */
  about(): Promise<About> | About;
  audit: Audit;
  clock?: Clock;
}

export type About = Pick<SessionView, "zone" | "name" | "version" | "demoKeys" | "certificateEndsAt">;

/** Registers set-up, log-on, who-am-I and log-off, and makes sessions known to every guarded route of this server. */
export function registerSessionRoutes(app: FastifyInstance, deps: SessionRoutesDeps): void {
  const { accounts, audit } = deps;
  const cookie = sessionCookie(deps.product);
  app[SESSION_SOURCE].current = sessionSourceOf(accounts, cookie);

  const view = async (session: Pick<Session, "userName" | "role">): Promise<SessionView> => ({
    userName: session.userName,
    role: session.role,
    product: deps.product,
    ...(await deps.about()),
    serverTime: (deps.clock ?? systemClock).now().toISOString(),
  });

  implement(app, sessionRoutes.setUpState, async () => ({ needed: await accounts.setUpNeeded() }));

  implement(app, sessionRoutes.setUp, async ({ body, reply }) => {
    const session = await accounts.setUp(body);
    await audit.write({ actor: session.userName, action: "account.set_up", subject: session.userName });
    giveCookie(cookie, reply, session);
    return view(session);
  });

  implement(app, sessionRoutes.logOn, async ({ body, request, reply }) => {
    const session = await accounts.logOn({ ...body, address: addressKey(request.ip) });
    await endFormer(accounts, cookie.read(request));
    await audit.write({ actor: session.userName, action: "session.opened", subject: session.userName });
    giveCookie(cookie, reply, session);
    return view(session);
  });

  implement(app, sessionRoutes.whoAmI, ({ session }) => view(session));

  implement(app, sessionRoutes.logOff, async ({ session, request, reply }) => {
    const token = session.kind === "cookie" ? cookie.read(request) : bearerOf(request);
    if (token !== null) await accounts.end(token);
    await audit.write({ actor: session.userName, action: "session.ended", subject: session.userName });
    cookie.clear(reply);
    return { loggedOff: true as const };
  });
}

/** Registers the portal's further access routes: tokens for the expert's CLI, and adding people. */
export function registerAccountRoutes(app: FastifyInstance, deps: Pick<SessionRoutesDeps, "accounts" | "audit">): void {
  const { accounts, audit } = deps;

  implement(app, portalAccessRoutes.issueToken, async ({ body, request }) => {
    const issued = await accounts.issueToken({ ...body, address: addressKey(request.ip) });
    await audit.write({ actor: issued.userName, action: "token.issued", subject: issued.userName });
    return { token: issued.token, expiresAt: issued.expiresAt.toISOString() };
  });

  implement(app, portalAccessRoutes.addAccount, async ({ body, session }) => {
    const added = await accounts.add(body);
    await audit.write({
      actor: session.userName,
      action: "account.added",
      subject: added.userName,
      detail: { role: added.role },
    });
    return added;
  });
}

/** A bearer token if one is sent, else the cookie. */
function sessionSourceOf(accounts: Pick<Accounts, "find">, cookie: SessionCookie): SessionSource {
  return {
    find(request) {
      const bearer = bearerOf(request);
      if (bearer !== null) return accounts.find(bearer, "bearer");
      const token = cookie.read(request);
      return token === null ? Promise.resolve(null) : accounts.find(token, "cookie");
    },
  };
}

function bearerOf(request: FastifyRequest): string | null {
  return /^Bearer ([0-9A-Za-z_-]{1,128})$/i.exec(request.headers.authorization ?? "")?.[1] ?? null;
}

function giveCookie(cookie: SessionCookie, reply: FastifyReply, session: Session & { token: string }): void {
  const seconds = Math.max(1, Math.floor((session.expiresAt.getTime() - Date.now()) / 1000));
  cookie.set(reply, session.token, seconds);
}

/** The session that the browser had before is ended, not left behind. */
async function endFormer(accounts: Pick<Accounts, "end">, former: string | null): Promise<void> {
  if (former !== null) await accounts.end(former);
}
