import type { Route } from "@tms/contracts";
import { AppError } from "@tms/records";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { z } from "zod";
import type { Session } from "./session-source.ts";

/** What a handler gets: every part parsed by the route's own schema. */
export interface RouteInput<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType> {
  params: z.output<P>;
  query: z.output<Q>;
  body: z.output<B>;
  /** Who is logged on. On a route whose identity is not `session`, reading it throws `session.required`. */
  readonly session: Session;
  request: FastifyRequest;
  reply: FastifyReply;
}

export type RouteAnswer<R extends z.ZodType> = R extends z.ZodUndefined ? unknown : z.input<R>;

/** Registers the handler of a contract's route; identity, limit, schemas and status all come from the contract. */
export function implement<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType, R extends z.ZodType>(
  app: FastifyInstance,
  declared: Route<P, Q, B, R>,
  handler: (input: RouteInput<P, Q, B>) => Promise<RouteAnswer<R>> | RouteAnswer<R>,
): void {
  const status = declared.status ?? 200;
  app.route({
    method: declared.method,
    url: declared.path,
    config: { identity: declared.identity, limit: declared.limit },
    schema: {
      ...(declared.params === undefined ? {} : { params: declared.params }),
      ...(declared.query === undefined ? {} : { querystring: declared.query }),
      ...(declared.body === undefined ? {} : { body: declared.body }),
      ...(declared.response === undefined ? {} : { response: { [status]: declared.response } }),
    },
    handler: async (request, reply) => {
      const answer = await handler(inputOf<P, Q, B>(request, reply));
      if (reply.sent) return reply;
      return reply.code(status).send(answer);
    },
  });
}

function inputOf<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType>(
  request: FastifyRequest,
  reply: FastifyReply,
): RouteInput<P, Q, B> {
  return {
    params: request.params as z.output<P>,
    query: request.query as z.output<Q>,
    body: request.body as z.output<B>,
    get session() {
      if (request.session === null) throw new AppError("session.required");
      return request.session;
    },
    request,
    reply,
  };
}
