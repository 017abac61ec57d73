import type { TLSSocket } from "node:tls";
import { AppError, type ProductId, type Sha256 } from "@tms/records";
import type { FastifyRequest } from "fastify";
import { spkiOfCertificate } from "../authority/spki.ts";
import { admit, admitToRenew, type IdentitySource, type Peer, type PeerLookup } from "./peer.ts";

// Who speaks is decided per request, by the key's SPKI hash in the products table, never by the TLS stack: listeners
// ask for a certificate with `rejectUnauthorized: false`, because a TLS 1.3 refusal reaches the client only as a
// closed socket. Possession of the key is proved by the handshake; everything else by the table.

const spkiBySocket = new WeakMap<TLSSocket, Sha256 | null>();
const productBySocket = new WeakMap<TLSSocket, ProductId>();
const admitted = new WeakSet<FastifyRequest>();

/**
 * The registered product behind a request.
 *
 * @throws {AppError} `link.identity_required` without a certificate, `link.identity_*` as the table says, `limit.*`.
 */
export async function peerOfRequest(request: FastifyRequest, identity: IdentitySource): Promise<Peer> {
  const peer = admit(await lookUp(request, identity), new Date());
  if (!admitted.has(request)) {
    // A long poll looks again who it is for; it is one request all the same.
    admitted.add(request);
    await identity.admitRequest?.(peer);
  }
  return peer;
}

/** The same for the renewal route, where an expired certificate counts for a while. */
export async function renewerOfRequest(request: FastifyRequest, identity: IdentitySource): Promise<Peer> {
  return admitToRenew(await lookUp(request, identity), new Date());
}

async function lookUp(request: FastifyRequest, identity: IdentitySource): Promise<PeerLookup> {
  const socket = request.raw.socket as TLSSocket;
  const spki = spkiOfSocket(socket);
  if (spki === null) throw new AppError("link.identity_required");
  const found = await identity.bySpki(spki);
  if (found.kind === "known") productBySocket.set(socket, found.peer.product);
  return found;
}

/** Whose connection this is, as its last request said; null before it or for nobody's. */
export function identityOfSocket(socket: TLSSocket): { spki: Sha256; product: ProductId } | null {
  const [spki, product] = [spkiBySocket.get(socket) ?? null, productBySocket.get(socket)];
  return spki === null || product === undefined ? null : { spki, product };
}

function spkiOfSocket(socket: TLSSocket): Sha256 | null {
  const known = spkiBySocket.get(socket);
  if (known !== undefined) return known;
  const certificate = typeof socket.getPeerX509Certificate === "function" ? socket.getPeerX509Certificate() : undefined;
  const spki = certificate === undefined ? null : spkiOfCertificate(certificate);
  spkiBySocket.set(socket, spki);
  return spki;
}
