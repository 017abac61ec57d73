import { randomBytes, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { dirname } from "node:path";
import type { Installation } from "@tms/contracts";
import { readCaPins, readShownHostKey, spkiOfCertificate } from "@tms/link";
import { type Address, dialDirectly, probeHostKey } from "@tms/link/lower";
import { AppError, assertNever } from "@tms/records";
import { exists, readInput } from "../shell/files.ts";
import { type Check, type DoctorDeps, good, wrong } from "./check.ts";
import { chainAt } from "./peer-chain.ts";

// Ports, and addresses as seen from outside.
// L1  A port in use is ours only if the program there proves it: a chain to our CA, the console's certificate, our host
//     key. Anything else is another program.
// L2  While the server does not run, the doctor listens in its place and looks for itself at the public address. So the
//     address is judged either way. It is judged from this machine: a firewall further out is not seen.

type Listener = Installation["listeners"][number];

/** The server's place, held by the doctor or by the server itself. */
type Held = { by: "server" } | { by: "doctor"; nonce: string; release(): Promise<void> };

const REACH_WITHIN_MS = 5_000;

export async function checkListeners(installation: Installation, deps: DoctorDeps): Promise<Check[]> {
  const ports: Check[] = [];
  const addresses: Check[] = [];
  const held: Held[] = [];
  try {
    for (const listener of installation.listeners) {
      const id = `port-${listener.id}`;
      if (listener.listen.port === 0) {
        ports.push(good(id, "any free port"));
        continue;
      }
      const outcome = await holdPort(listener, installation, deps);
      if ("check" in outcome) {
        ports.push(outcome.check);
        continue;
      }
      held.push(outcome.held);
      const place = `${listener.listen.host} port ${listener.listen.port}`;
      ports.push(good(id, outcome.held.by === "server" ? `${place} is held by this server.` : `${place} is free.`));
      addresses.push(await checkAddress(listener, { held: outcome.held, installation, deps }));
    }
    return [...ports, ...addresses];
  } finally {
    for (const one of held) if (one.by === "doctor") await one.release();
  }
}

async function holdPort(
  listener: Listener,
  installation: Installation,
  deps: DoctorDeps,
): Promise<{ held: Held } | { check: Check }> {
  const id = `port-${listener.id}`;
  const { host, port } = listener.listen;
  try {
    return { held: await listenInItsPlace(listener.listen) };
  } catch (error) {
    switch ((error as NodeJS.ErrnoException).code) {
      case "EADDRINUSE":
        break;
      case "EACCES":
        return { check: wrong(id, "start.port_forbidden", `port ${port}`) };
      case "EADDRNOTAVAIL":
      case "ENOTFOUND":
        return { check: wrong(id, "start.config_invalid", `${host} is not an address of this machine.`) };
      default:
        throw error;
    }
  }
  const isOurs = await provesToBeOurs({ host: reachable(host), port }, { listener, installation, deps });
  if (isOurs) return { held: { by: "server" } };
  return { check: wrong(id, "start.port_in_use", `Another program holds ${host} port ${port}.`) };
}

async function listenInItsPlace({ host, port }: Address): Promise<Held> {
  const nonce = randomBytes(16).toString("hex");
  const visitors = new Set<Socket>();
  const server = createServer((socket) => {
    visitors.add(socket);
    socket.once("close", () => visitors.delete(socket));
    socket.on("error", () => undefined);
    socket.end(nonce);
  });
  server.listen({ host, port, exclusive: true });
  await once(server, "listening");
  const release = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      // A visitor whose bytes nobody reads would never go by itself.
      for (const socket of visitors) socket.destroy();
    });
  return { by: "doctor", nonce, release };
}

async function checkAddress(
  listener: Listener,
  of: { held: Held; installation: Installation; deps: DoctorDeps },
): Promise<Check> {
  const id = `address-${listener.id}`;
  const shown = `${listener.public.host} port ${listener.public.port}`;
  try {
    const leadsHere =
      of.held.by === "server"
        ? await provesToBeOurs(listener.public, { listener, ...of })
        : (await firstBytes(listener.public, of.deps.signal)) === of.held.nonce;
    return leadsHere ? good(id, `${shown} leads here.`) : wrong(id, "address.foreign", shown);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return wrong(id, "address.unreachable", `${shown}: ${error.row.text}`);
  }
}

/** @throws {AppError} If nobody answers at all. */
async function provesToBeOurs(
  at: Address,
  of: { listener: Listener; installation: Installation; deps: DoctorDeps },
): Promise<boolean> {
  const signal = AbortSignal.any([of.deps.signal, AbortSignal.timeout(REACH_WITHIN_MS)]);
  try {
    switch (of.listener.proof) {
      case "host-key":
        return await showsOurHostKey(at, of.installation, signal);
      case "own-ca":
        return await showsOneOf(at, await ownCa(of.installation), signal);
      case "console":
        return await showsOneOf(at, await consoleKeys(of.installation), signal);
      default:
        return assertNever(of.listener.proof);
    }
  } catch (error) {
    // It answers, but in another language: another program.
    if (error instanceof AppError && error.code === "link.protocol_wrong") return false;
    throw error;
  }
}

async function showsOurHostKey(at: Address, { hostKeyFile, dataDir }: Installation, signal: AbortSignal) {
  if (hostKeyFile === null || !(await exists(hostKeyFile))) return false;
  return (await probeHostKey(at, { signal })) === (await readShownHostKey(dataDir));
}

async function showsOneOf(at: Address, keys: readonly string[], signal: AbortSignal): Promise<boolean> {
  const [leaf, ...above] = await chainAt(at, signal);
  if (leaf === undefined) return false;
  // Anybody can show our CA behind a certificate of his own; only what it signed counts.
  const signers = above.filter((certificate) => leaf.verify(certificate.publicKey));
  return [leaf, ...signers].some((certificate) => keys.includes(spkiOfCertificate(certificate)));
}

/** While the CA rolls over both certify: the one in the file, and the one that is to follow it. */
async function ownCa({ certificates }: Installation): Promise<string[]> {
  const ca = certificates.find(({ id }) => id === "ca");
  if (ca === undefined || !(await exists(ca.certFile))) return [];
  return readCaPins(dirname(ca.certFile));
}

/** A console shows the operator's certificate, or one of our own CA until that was taken up. */
async function consoleKeys(installation: Installation): Promise<string[]> {
  const own = installation.certificates.find(({ id }) => id === "console");
  return [...(await ownCa(installation)), ...(own === undefined ? [] : await spkiOfFile(own.certFile))];
}

async function spkiOfFile(file: string): Promise<string[]> {
  if (!(await exists(file))) return [];
  return [spkiOfCertificate(new X509Certificate(await readInput(file, { maxBytes: 1_000_000 })))];
}

async function firstBytes(at: Address, stop: AbortSignal): Promise<string> {
  const signal = AbortSignal.any([stop, AbortSignal.timeout(REACH_WITHIN_MS)]);
  const { socket } = await dialDirectly(at, { signal });
  const stopReading = () => socket.destroy();
  signal.addEventListener("abort", stopReading, { once: true });
  let text = "";
  try {
    for await (const part of socket) {
      text += (part as Buffer).toString("latin1");
      if (text.length > 64) break;
    }
  } catch {
    // A reset in the middle of a foreign greeting: what came so far is not our nonce, and that is the answer.
  } finally {
    signal.removeEventListener("abort", stopReading);
    socket.destroy();
  }
  return text;
}

/** Every address of this machine is listened on: its own loopback is one of them. */
function reachable(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  return host === "::" ? "::1" : host;
}
