import { setTimeout as pause } from "node:timers/promises";
import { Member, type Server } from "./member.ts";
import { makeMemberKeys } from "./member-keys.ts";

// Many products in a process of their own: what they cost is not the server's.

export type FleetOrder =
  | { kind: "make"; first: number; count: number }
  | { kind: "register"; server: Server; credentials: Credentials[]; atOnce: number }
  /** Heartbeats as fast as `atOnce` of them are answered, over open connections or each over a new one. */
  | { kind: "beat"; server: Server; count: number; seconds: number; atOnce: number; connection: "open" | "new" }
  /** One long poll each, held open until the server answers it. */
  | { kind: "hold"; server: Server; count: number; waitSeconds: number }
  /** Each beats every `everySeconds`, waiting for most of it, spread evenly. */
  | { kind: "live"; server: Server; seconds: number; everySeconds: number; waitSeconds: number }
  | { kind: "close" };

export interface Credentials {
  userName: string;
  password: string;
}

export interface FleetReport {
  seconds: number;
  /** Answers by status; 0 = the line failed. */
  statuses: Record<number, number>;
  /** Of answers with 429: how many said when to come back. */
  saidWhen: number;
  /** Beyond what was asked to wait, milliseconds, sorted. */
  latenciesMs: number[];
}

const members: Member[] = [];

async function obey(order: FleetOrder): Promise<FleetReport> {
  const report: FleetReport = { seconds: 0, statuses: {}, saidWhen: 0, latenciesMs: [] };
  const began = performance.now();
  switch (order.kind) {
    case "make":
      for (let number = order.first; number < order.first + order.count; number += 1)
        members.push(new Member(number, await makeMemberKeys()));
      break;
    case "register":
      await register(order, report);
      break;
    case "beat":
      await beat(order, report);
      break;
    case "hold":
      await Promise.all(members.slice(0, order.count).map((one) => ask(one, order, order.waitSeconds, report)));
      break;
    case "live":
      await live(order, report);
      break;
    case "close":
      for (const member of members) member.close();
      break;
  }
  report.seconds = (performance.now() - began) / 1000;
  report.latenciesMs.sort((left, right) => left - right);
  return report;
}

async function register(order: Extract<FleetOrder, { kind: "register" }>, report: FleetReport): Promise<void> {
  let next = 0;
  const work = async () => {
    for (let at = next++; at < members.length; at = next++) {
      const credentials = order.credentials[at % order.credentials.length];
      const member = members[at];
      if (credentials === undefined || member === undefined) throw new Error("no credentials");
      await count(report, 0, () => member.register(order.server, credentials));
    }
  };
  await Promise.all(Array.from({ length: order.atOnce }, work));
}

/** Members take turns, so that none is over its own limit. */
async function beat(order: Extract<FleetOrder, { kind: "beat" }>, report: FleetReport): Promise<void> {
  const until = performance.now() + order.seconds * 1000;
  const waiting = members.slice(0, order.count);
  const work = async () => {
    while (performance.now() < until) {
      const member = waiting.shift();
      if (member === undefined) throw new Error("fewer members than requests at once");
      await ask(member, order, 0, report);
      if (order.connection === "new") member.close();
      waiting.push(member);
    }
  };
  await Promise.all(Array.from({ length: order.atOnce }, work));
}

async function live(order: Extract<FleetOrder, { kind: "live" }>, report: FleetReport): Promise<void> {
  const everyMs = order.everySeconds * 1000;
  const until = performance.now() + order.seconds * 1000;
  await Promise.all(
    members.map(async (member, at) => {
      await pause((everyMs * at) / members.length);
      while (performance.now() < until) {
        const next = performance.now() + everyMs;
        await ask(member, order, order.waitSeconds, report);
        await pause(Math.max(0, next - performance.now()));
      }
    }),
  );
}

async function ask(member: Member, to: { server: Server }, waitSeconds: number, report: FleetReport): Promise<void> {
  await count(report, waitSeconds, () => member.heartbeat(to.server, waitSeconds));
}

async function count(
  report: FleetReport,
  waitSeconds: number,
  call: () => Promise<{ status: number; retryAfter: string | null }>,
): Promise<void> {
  const began = performance.now();
  let status = 0;
  try {
    const answered = await call();
    status = answered.status;
    if (status === 429 && answered.retryAfter !== null) report.saidWhen += 1;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    process.stderr.write(`${error.message}\n`);
  }
  report.statuses[status] = (report.statuses[status] ?? 0) + 1;
  if (status === 200) report.latenciesMs.push(Math.max(0, performance.now() - began - waitSeconds * 1000));
}

process.on("message", (order: FleetOrder) => {
  obey(order).then(
    (report) => process.send?.({ report }),
    (error: unknown) => process.send?.({ error: String(error) }),
  );
});
