import type { Socket } from "node:net";
import type { ProxyLogOn } from "./fake-proxy-log-on.ts";

export interface SocksDoor {
  kind: string;
  logOn?: ProxyLogOn;
}

export interface SocksRequest {
  target: { host: string; port: number };
  early: Buffer;
  accept(): void;
  refuse(why: "forbidden" | "unknown" | "unreachable"): void;
}

const SOCKS5_REPLIES = { forbidden: 2, unknown: 4, unreachable: 5 } as const;

/** The server's half of a SOCKS handshake; closes the socket and rejects where a real proxy would. */
export async function readSocks(socket: Socket, options: SocksDoor): Promise<SocksRequest> {
  const bytes = new SocketReader(socket);
  return options.kind === "socks4" ? readSocks4(bytes, socket, options) : readSocks5(bytes, socket, options);
}

async function readSocks4(bytes: SocketReader, socket: Socket, { logOn }: SocksDoor) {
  const head = await bytes.exactly(8);
  if (head[0] !== 4 || head[1] !== 1) throw new Error("no SOCKS4 connect");
  const user = await bytes.untilZero();
  const address = [...head.subarray(4)];
  const byName = address[0] === 0 && address[1] === 0 && address[2] === 0 && address[3] !== 0;
  const host = byName ? await bytes.untilZero() : address.join(".");
  const reply = (code: number) => Buffer.from([0, code, 0, 0, 0, 0, 0, 0]);
  if (logOn !== undefined && user !== logOn.userName) {
    socket.end(reply(93));
    throw new Error("wrong user");
  }
  return {
    target: { host, port: head.readUInt16BE(2) },
    early: bytes.rest(),
    accept: () => void socket.write(reply(90)),
    refuse: () => void socket.end(reply(91)),
  };
}

async function readSocks5(bytes: SocketReader, socket: Socket, { logOn }: SocksDoor) {
  const [version, count] = await bytes.exactly(2);
  if (version !== 5) throw new Error("no SOCKS5");
  const offered = [...(await bytes.exactly(count ?? 0))];
  const method = logOn === undefined ? 0 : 2;
  socket.write(Buffer.from([5, offered.includes(method) ? method : 0xff]));
  if (!offered.includes(method)) throw new Error("no common log-on");
  if (logOn !== undefined) {
    await bytes.exactly(1);
    const userName = await bytes.counted();
    const password = await bytes.counted();
    const known = userName === logOn.userName && password === logOn.password;
    socket.write(Buffer.from([1, known ? 0 : 1]));
    if (!known) throw new Error("wrong password");
  }
  const [, , , type] = await bytes.exactly(4);
  const host = await hostOf(bytes, type ?? 0);
  const port = (await bytes.exactly(2)).readUInt16BE();
  const reply = (code: number) => Buffer.from([5, code, 0, 1, 0, 0, 0, 0, 0, 0]);
  return {
    target: { host, port },
    early: bytes.rest(),
    accept: () => void socket.write(reply(0)),
    refuse: (why: keyof typeof SOCKS5_REPLIES) => void socket.end(reply(SOCKS5_REPLIES[why])),
  };
}

async function hostOf(bytes: SocketReader, type: number): Promise<string> {
  if (type === 3) return bytes.counted();
  if (type === 1) return [...(await bytes.exactly(4))].join(".");
  const groups = await bytes.exactly(16);
  return Array.from({ length: 8 }, (_, at) => groups.readUInt16BE(at * 2).toString(16)).join(":");
}

/** Reads exact amounts from a socket, and gives back what came after. */
class SocketReader {
  readonly #socket: Socket;
  #have = Buffer.alloc(0);

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.pause();
  }

  async exactly(count: number): Promise<Buffer> {
    while (this.#have.length < count) {
      const more = this.#socket.read() as Buffer | null;
      if (more !== null) this.#have = Buffer.concat([this.#have, more]);
      else if (this.#socket.readableEnded || this.#socket.destroyed) throw new Error("ended within the handshake");
      else await new Promise<void>((resolve) => this.#socket.once("readable", resolve).once("close", resolve));
    }
    const taken = this.#have.subarray(0, count);
    this.#have = this.#have.subarray(count);
    return taken;
  }

  async counted(): Promise<string> {
    const [length] = await this.exactly(1);
    return (await this.exactly(length ?? 0)).toString("utf8");
  }

  async untilZero(): Promise<string> {
    const parts: number[] = [];
    for (let [byte] = await this.exactly(1); byte !== 0; [byte] = await this.exactly(1)) parts.push(byte ?? 0);
    return Buffer.from(parts).toString("utf8");
  }

  rest(): Buffer {
    this.#socket.removeAllListeners("readable");
    return this.#have;
  }
}
