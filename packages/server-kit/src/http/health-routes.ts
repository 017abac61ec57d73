import { route } from "@tms/contracts";
import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { implement } from "./implement.ts";

// Whether a process lives, and whether it can serve: for supervisors and load balancers, which log on nowhere.
// H1  The answer holds names of parts and nothing else: no version, no address, no error.
// H2  However often it is asked, each part is looked at once a second at most, and never waited for longer than 3 s.

/** Something without which requests fail: a store. */
export interface HealthPart {
  name: string;
  /** Rejects while it is away. */
  look(): Promise<unknown>;
}

const LOOK_EVERY_MS = 1_000;
const ANSWER_WITHIN_MS = 3_000;
const LIMIT = { bodyBytes: 0, perMinute: 600 };

const livez = route({
  method: "GET",
  path: "/livez",
  operationId: "livez",
  summary: "The process answers.",
  identity: { kind: "public", why: "a supervisor asks, and learns only that somebody answers" },
  limit: LIMIT,
  response: z.object({ ok: z.literal(true) }),
});

const readinessSchema = z.object({
  ok: z.boolean(),
  parts: z.array(z.object({ name: z.string(), ok: z.boolean() })),
});
type Readiness = z.infer<typeof readinessSchema>;

const readyz = route({
  method: "GET",
  path: "/readyz",
  operationId: "readyz",
  summary: "The process can serve: 200, or 503 with the parts that are away.",
  identity: { kind: "public", why: "a load balancer asks, and learns only names of parts" },
  limit: LIMIT,
  response: readinessSchema,
});

/** One view of the parts for all listeners of a process. */
export function createHealth(parts: readonly HealthPart[], monotonicMs: () => number): { ask(): Promise<Readiness> } {
  let last: { at: number; answer: Promise<Readiness> } | null = null;
  return {
    ask() {
      const now = monotonicMs();
      if (last === null || now - last.at >= LOOK_EVERY_MS) last = { at: now, answer: lookAt(parts) };
      return last.answer;
    },
  };
}

/** Registers `/livez` and `/readyz` on a listener. */
export function registerHealthRoutes(app: FastifyInstance, health: ReturnType<typeof createHealth>): void {
  implement(app, livez, () => ({ ok: true as const }));
  implement(app, readyz, async ({ reply }) => {
    const answer = await health.ask();
    if (answer.ok) return answer;
    await reply.code(503).send(answer);
    return answer;
  });
}

async function lookAt(parts: readonly HealthPart[]): Promise<Readiness> {
  const seen = await Promise.all(parts.map(async (part) => ({ name: part.name, ok: await isUp(part) })));
  return { ok: seen.every(({ ok }) => ok), parts: seen };
}

async function isUp(part: HealthPart): Promise<boolean> {
  const tooLate = Promise.withResolvers<false>();
  const timer = setTimeout(() => tooLate.resolve(false), ANSWER_WITHIN_MS);
  try {
    return await Promise.race([part.look().then(() => true), tooLate.promise]);
  } catch {
    // Being away is the answer; why is in the log of whoever needs the part.
    return false;
  } finally {
    clearTimeout(timer);
  }
}
