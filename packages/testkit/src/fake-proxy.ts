import { createServer as createHttpServer, type IncomingMessage } from "node:http";
import { connect, createServer, isIP, type Server, type Socket } from "node:net";
import { authorizes, challengeOf, type ProxyLogOn } from "./fake-proxy-log-on.ts";
import { readSocks, type SocksRequest } from "./fake-socks.ts";

export interface FakeProxyOptions {
  kind: "http" | "socks4" | "socks5";
  logOn?: ProxyLogOn;
  /** Names only this proxy can look up; a test that uses one proves who did. */
  names?: Record<string, string>;
}

/** What the proxy does wrong from now on. */
export interface ProxyChaos {
  /** Its access rules refuse every target. */
  forbids?: boolean;
  /** Says that it reached the target, and closes. */
  closesAtOnce?: boolean;
  /** Leads every connection to this port instead of its target. */
  leadsTo?: number;
  /** Accepts and never says a word. */
  silent?: boolean;
}

/** A proxy on loopback, of every kind that a mitigator may stand behind. */
export class FakeProxy {
  readonly options: FakeProxyOptions;
  readonly host = "127.0.0.1";
  port = 0;
  chaos: ProxyChaos = {};
  /** Targets that were asked for, as they were named. */
  readonly asked: string[] = [];
  /** Bytes that went through, in both directions. */
  passed = 0;
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;

  private constructor(options: FakeProxyOptions) {
    this.options = options;
    this.#server = options.kind === "http" ? this.#httpServer() : createServer((socket) => this.#socks(socket));
    this.#server.on("connection", (socket: Socket) => this.#keep(socket));
  }

  static async start(options: FakeProxyOptions): Promise<FakeProxy> {
    const proxy = new FakeProxy(options);
    await new Promise<void>((resolve) => proxy.#server.listen(0, proxy.host, resolve));
    const bound = proxy.#server.address();
    proxy.port = typeof bound === "object" && bound !== null ? bound.port : 0;
    return proxy;
  }

  /** As the settings name it, with the right log-on. */
  settings(): { kind: FakeProxyOptions["kind"]; host: string; port: number; userName?: string; password?: string } {
    const { kind, logOn } = this.options;
    const credentials = logOn === undefined ? {} : { userName: logOn.userName, password: logOn.password };
    return { kind, host: this.host, port: this.port, ...credentials };
  }

  cutAll(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  async close(): Promise<void> {
    this.cutAll();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.once("close", () => this.#sockets.delete(socket));
  }

  #httpServer(): Server {
    const server = createHttpServer((_request, response) => {
      response.writeHead(405).end();
    });
    server.on("connect", (request: IncomingMessage, socket: Socket, early: Buffer) => {
      if (this.chaos.silent) return;
      const answer = (status: string, headers = "") => socket.end(`HTTP/1.1 ${status}\r\n${headers}\r\n`);
      const { logOn } = this.options;
      if (logOn !== undefined && !authorizes(logOn, request.headers["proxy-authorization"], request.url ?? "")) {
        answer("407 Proxy Authentication Required", `proxy-authenticate: ${challengeOf(logOn)}\r\n`);
        return;
      }
      const target = targetOf(request.url ?? "");
      if (this.chaos.forbids) return answer("403 Forbidden");
      void this.#open(target, socket, {
        opened: () => socket.write("HTTP/1.1 200 Connection established\r\n\r\n"),
        unknown: () => answer("503 Service Unavailable", "x-squid-error: ERR_DNS_FAIL 0\r\n"),
        unreachable: () => answer("503 Service Unavailable"),
        early,
      });
    });
    return server;
  }

  #socks(socket: Socket): void {
    if (this.chaos.silent) return;
    readSocks(socket, this.options).then(
      (request: SocksRequest) => {
        if (this.chaos.forbids) return request.refuse("forbidden");
        return this.#open(request.target, socket, {
          opened: () => request.accept(),
          unknown: () => request.refuse("unknown"),
          unreachable: () => request.refuse("unreachable"),
          early: request.early,
        });
      },
      () => socket.destroy(),
    );
  }

  async #open(
    target: { host: string; port: number },
    down: Socket,
    tell: { opened(): void; unknown(): void; unreachable(): void; early: Buffer },
  ): Promise<void> {
    this.asked.push(`${target.host}:${target.port}`);
    if (this.chaos.closesAtOnce) {
      tell.opened();
      down.end();
      return;
    }
    const host = this.options.names?.[target.host] ?? target.host;
    if (isIP(host) === 0) return tell.unknown();
    const up = connect({ host, port: this.chaos.leadsTo ?? target.port, noDelay: true });
    this.#keep(up);
    up.once("error", () => {
      if (up.bytesRead === 0) tell.unreachable();
    });
    up.once("connect", () => {
      tell.opened();
      if (tell.early.length > 0) up.write(tell.early);
      for (const [from, to] of [
        [down, up],
        [up, down],
      ] as const) {
        from.on("data", (chunk: Buffer) => {
          this.passed += chunk.length;
          if (!to.write(chunk)) from.pause();
        });
        to.on("drain", () => from.resume());
        from.once("end", () => to.end());
        from.once("close", () => to.destroy());
        from.resume();
      }
    });
  }
}

function targetOf(authority: string): { host: string; port: number } {
  const at = authority.lastIndexOf(":");
  return { host: authority.slice(0, at).replace(/^\[|\]$/g, ""), port: Number(authority.slice(at + 1)) };
}
