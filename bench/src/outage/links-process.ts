import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import type { ConnectionDetails } from "@tms/contracts/link";
import {
  createLowerKeys,
  createLowerLink,
  type Dial,
  type LowerLink,
  openSpool,
  registerLower,
  type Spool,
} from "@tms/link/lower";
import { newId, systemClock } from "@tms/records";
import { realisticEvents } from "../intake/realistic-events.ts";
import { STREAM } from "../intake/template.ts";

// Many mitigators' sending sides in one process: the product's own link and spool, each from an address of its own.

export type LinksOrder =
  | { kind: "open"; directory: string; first: number; count: number; details: ConnectionDetails; password: string }
  /** The events of mitigator n are numbered from `from + n * each` on. */
  | { kind: "fill"; from: number; each: number }
  | { kind: "look" }
  | { kind: "stop" };

export interface LinksReport {
  /** Links whose last heartbeat was answered. */
  connected: number;
  /** Records that are not acknowledged. */
  waiting: number;
}

interface One {
  number: number;
  link: LowerLink;
  spool: Spool;
}

const OPEN_AT_ONCE = 4;
const APPEND = 500;
const links: One[] = [];

async function obey(order: LinksOrder): Promise<LinksReport> {
  switch (order.kind) {
    case "open": {
      let next = order.first;
      const work = async () => {
        for (let number = next++; number < order.first + order.count; number = next++) {
          links.push(await open(number, order));
        }
      };
      await Promise.all(Array.from({ length: OPEN_AT_ONCE }, work));
      break;
    }
    case "fill":
      for (const { number, spool } of links) {
        for (let at = 0; at < order.each; at += APPEND) {
          const count = Math.min(APPEND, order.each - at);
          await spool.append(STREAM, realisticEvents(order.from + number * order.each + at, count));
        }
      }
      break;
    case "look":
      break;
    case "stop":
      await Promise.all(links.map(({ link }) => link.stop()));
      await Promise.all(links.map(({ spool }) => spool.close()));
      break;
  }
  return {
    connected: links.filter(({ link }) => link.state().phase === "connected").length,
    waiting: links.reduce((sum, { spool }) => sum + waitingIn(spool), 0),
  };
}

async function open(number: number, of: Extract<LinksOrder, { kind: "open" }>): Promise<One> {
  const { details, password } = of;
  const directory = join(of.directory, `mitigator-${number}`);
  await mkdir(directory, { recursive: true });
  const keys = await createLowerKeys(join(directory, "keys"));
  const dial = dialFrom(`127.2.${Math.floor(number / 250) % 250}.${(number % 250) + 1}`);
  const instanceId = newId<string>();
  const identity = await registerLower({
    keys,
    statusServer: details.statusServer,
    caPins: details.caPins,
    patternRoot: details.patternRoot,
    dial,
    request: {
      credentials: { kind: "password", userName: details.userName, password },
      kind: "mitigator",
      version: "1.0.0",
      host: "bench",
      instanceId,
    },
  });
  const spool = await openSpool({ directory: join(directory, "spool"), streams: [STREAM], clock: systemClock });
  const link = createLowerLink({
    keys,
    identity,
    dial,
    statusServer: details.statusServer,
    logServer: { ...details.logServer.ssl, protocol: "ssl" },
    spool,
    describe: () => ({
      version: "1.0.0",
      host: "bench",
      instanceId,
      ready: { ok: true, reasons: [] },
      sending: "on",
      agents: 0,
    }),
    onDirective: async ({ id }) => ({ id, ok: true }),
    clock: systemClock,
    log: { info: () => undefined, warn: () => undefined },
  });
  link.start();
  return { number, link, spool };
}

/** Limits count by address, and these stand for as many sites. */
function dialFrom(localAddress: string): Dial {
  return async ({ host, port }, options = {}) => {
    const socket = connect({ host, port, localAddress, noDelay: true });
    await once(socket, "connect", options.signal === undefined ? {} : { signal: options.signal });
    return { socket, peer: `${host}:${port}`, proxy: null, heardServer: () => socket.bytesRead > 0 };
  };
}

function waitingIn(spool: Spool): number {
  return spool.report().reduce((sum, { spooledRecords }) => sum + spooledRecords, 0);
}

process.on("message", (order: LinksOrder) => {
  obey(order).then(
    (report) => process.send?.({ report }),
    (error: unknown) =>
      process.send?.({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  );
});
