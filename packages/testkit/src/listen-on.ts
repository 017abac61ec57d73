import type { FastifyInstance } from "fastify";

/** Listens and gives back the port, which differs from the asked one if that was 0. */
export async function listenOn(app: FastifyInstance, host: string, port: number): Promise<number> {
  await app.listen({ host, port });
  const bound = app.server.address();
  return typeof bound === "object" && bound !== null ? bound.port : port;
}
