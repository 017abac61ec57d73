import type { TLSSocket } from "node:tls";
import { AppError, type ProductId } from "@tms/records";
import type { FastifyInstance } from "fastify";
import { admit, type IdentitySource } from "./peer.ts";
import { identityOfSocket } from "./peer-of-request.ts";

// An identity that ends takes its open connections with it, on every node. Requests under way are answered first: a
// long poll is woken and refused with its code; what takes longer than that is cut.

/** How long what is under way on a connection may take to hear the refusal. */
export const REFUSED_GRACE_MS = 5_000;

const underWay = new WeakMap<TLSSocket, number>();

/** Closes the connections of this listener whose product is refused from now on. */
export function closeRefusedConnections(app: FastifyInstance, identity: IdentitySource): void {
  const open = new Set<TLSSocket>();
  app.addHook("onRequest", async (request, reply) => {
    const socket = request.raw.socket as TLSSocket;
    underWay.set(socket, (underWay.get(socket) ?? 0) + 1);
    reply.raw.once("close", () => underWay.set(socket, (underWay.get(socket) ?? 1) - 1));
    if (open.has(socket)) return;
    open.add(socket);
    socket.once("close", () => open.delete(socket));
  });

  const stop = identity.onChange((product) => {
    const asked = [...open].filter((socket) => concerns(socket, product));
    void closeRefused(asked, identity).catch((error: unknown) =>
      app.log.warn({ err: error }, "open connections were not looked at; each request still is"),
    );
  });
  app.addHook("onClose", async () => stop());
}

function concerns(socket: TLSSocket, product: ProductId | null): boolean {
  const known = identityOfSocket(socket);
  return known !== null && (product === null || known.product === product);
}

async function closeRefused(sockets: readonly TLSSocket[], identity: IdentitySource): Promise<void> {
  for (const socket of sockets) {
    const known = identityOfSocket(socket);
    if (known === null || !(await isRefused(identity, known.spki))) continue;
    if ((underWay.get(socket) ?? 0) === 0) socket.destroy();
    else setTimeout(() => socket.destroy(), REFUSED_GRACE_MS).unref();
  }
}

async function isRefused(identity: IdentitySource, spki: Parameters<IdentitySource["bySpki"]>[0]): Promise<boolean> {
  const lookup = await identity.bySpki(spki);
  try {
    admit(lookup, new Date());
    return false;
  } catch (error) {
    if (error instanceof AppError) return true;
    throw error;
  }
}

/**
 * Aborted once the identity of `product` may have changed; `product` may be told later than the watch begins.
 *
 * The watch begins before the first look-up, so that no change falls between the two.
 */
export class IdentityWatch {
  readonly #changed = new AbortController();
  readonly #stop: () => void;
  product: ProductId | null = null;

  constructor(identity: IdentitySource) {
    this.#stop = identity.onChange((changed) => {
      if (changed === null || this.product === null || changed === this.product) this.#changed.abort();
    });
  }

  get signal(): AbortSignal {
    return this.#changed.signal;
  }

  end(): void {
    this.#stop();
  }
}
