import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { ProxySettings } from "@tms/link/lower";
import {
  FakePortal,
  type FakeProxyOptions,
  isInstalled,
  REAL_PROXY_LOG_ON,
  type RealProxy,
  startDante,
  startSquid,
  startTinyproxy,
} from "@tms/testkit";
import { type Bench, inTenths, type Measured, median } from "../bench.ts";
import { openSender } from "../line/line-world.ts";

// What a proxy costs: the same batches by every kind of proxy and without one, over both transports.

const FULL = { bytes: 48_000_000, samples: 5 };
const QUICK = { bytes: 6_000_000, samples: 1 };
const LOG_ON = { userName: "mill", password: "a password" };
const DEADLINE_MS = 60_000;
const LOOK_EVERY_MS = 10;

interface Running {
  settings: ProxySettings;
  close(): Promise<void>;
}

interface Kind {
  name: string;
  start(): Promise<Running>;
}

export const proxyBench: Bench = {
  seconds: 600,
  async run({ quick, say }) {
    const scale = quick ? QUICK : FULL;
    const opened = new AsyncDisposableStack();
    try {
      const portal = await FakePortal.start();
      opened.defer(() => portal.close());
      const proxies: { name: string; settings: ProxySettings | null }[] = [{ name: "none", settings: null }];
      for (const { name, start } of kinds()) {
        const running = await start();
        opened.defer(() => running.close());
        proxies.push({ name, settings: running.settings });
      }
      return await measure({ portal, proxies, scale, say });
    } finally {
      await opened.disposeAsync();
    }
  },
};

/** Our own of every kind, and those of others that are installed here. */
function kinds(): Kind[] {
  const own = (name: string, options: FakeProxyOptions): Kind => ({ name, start: () => startOwn(options) });
  const others: (Kind & { program: string })[] = [
    { program: "squid", name: "squid", start: () => real(startSquid("none"), { kind: "http" }) },
    {
      program: "squid",
      name: "squidDigest",
      start: () => real(startSquid("digest"), { kind: "http", ...REAL_PROXY_LOG_ON }),
    },
    { program: "tinyproxy", name: "tinyproxy", start: () => real(startTinyproxy(false), { kind: "http" }) },
    { program: "danted", name: "dante", start: () => real(startDante(), { kind: "socks5" }) },
  ];
  return [
    own("http", { kind: "http" }),
    own("httpBasic", { kind: "http", logOn: { ...LOG_ON, scheme: "basic" } }),
    own("httpDigest", { kind: "http", logOn: { ...LOG_ON, scheme: "digest-sha256" } }),
    own("socks4", { kind: "socks4" }),
    own("socks5", { kind: "socks5" }),
    own("socks5LogOn", { kind: "socks5", logOn: LOG_ON }),
    ...others.filter(({ program }) => isInstalled(program)),
  ];
}

async function startOwn(options: FakeProxyOptions): Promise<Running> {
  const child = fork(join(import.meta.dirname, "proxy-process.ts"), [JSON.stringify(options)]);
  const [settings] = (await once(child, "message")) as [ProxySettings];
  return {
    settings,
    close: async () => {
      const gone = once(child, "exit");
      child.kill("SIGTERM");
      await gone;
    },
  };
}

async function real(
  starting: Promise<RealProxy>,
  how: { kind: ProxySettings["kind"]; userName?: string; password?: string },
): Promise<Running> {
  const { host, port, close } = await starting;
  return { settings: { host, port, ...how }, close };
}

interface World {
  portal: FakePortal;
  proxies: { name: string; settings: ProxySettings | null }[];
  scale: typeof FULL;
  say: (line: string) => void;
}

async function measure({ portal, proxies, scale, say }: World): Promise<Measured> {
  const verified = { sent: 0, stored: 0, digestEqual: true };
  const rates = new Map<string, number[]>();
  const protocols = ["ssl", "ssh"] as const;
  const one = (way: { protocol: "ssl" | "ssh"; proxy: ProxySettings | null }) =>
    bytesPerSecond(portal, { ...way, bytes: scale.bytes, verified });
  for (const protocol of protocols) await one({ protocol, proxy: null });
  for (let sample = 1; sample <= scale.samples; sample += 1) {
    for (const protocol of protocols) {
      for (const { name, settings } of proxies) {
        const key = `${protocol} ${name}`;
        rates.set(key, [...(rates.get(key) ?? []), await one({ protocol, proxy: settings })]);
      }
    }
    say(`sample ${sample} of ${scale.samples}`);
  }
  const of = (protocol: string, name: string) => rates.get(`${protocol} ${name}`) ?? [];
  const figures: Record<string, number> = {};
  const goals: Measured["goals"] = [];
  for (const protocol of protocols) {
    for (const { name, settings } of proxies) {
      if (settings === null) continue;
      const ratios = of(protocol, name).map((rate, at) => rate / (of(protocol, "none")[at] ?? Number.NaN));
      figures[`${protocol} ${name}`] = Math.round(median(ratios) * 100) / 100;
      goals.push({ name: `${protocol} ${name}`, op: ">=", goal: 0.8 });
    }
  }
  return {
    params: { ...scale, figures: "throughput as a share of that without a proxy, median of the samples' own ratios" },
    samples: scale.samples,
    figures,
    baseline: {
      sslMegabytesPerSecond: inTenths(median(of("ssl", "none")) / 1e6),
      sshMegabytesPerSecond: inTenths(median(of("ssh", "none")) / 1e6),
    },
    goals,
    verified,
    controls: await throughProxy(portal, proxies),
  };
}

/** From the first heartbeat until everything stands at the portal. */
async function bytesPerSecond(
  portal: FakePortal,
  how: {
    protocol: "ssl" | "ssh";
    proxy: ProxySettings | null;
    bytes: number;
    verified: Measured["verified"];
  },
): Promise<number> {
  const { protocol, proxy, bytes, verified } = how;
  const at = (port: number) => ({ host: portal.host, port });
  const servers = { statusServer: at(portal.ports.status), logServer: at(portal.ports[protocol]) };
  const sender = await openSender(portal, { protocol, proxy, ...servers });
  try {
    const sent = await sender.fill(bytes);
    const began = performance.now();
    sender.link.start();
    while (sender.spool.report().some(({ spooledRecords }) => spooledRecords > 0)) {
      if (performance.now() - began > DEADLINE_MS) throw new Error("not everything was sent in time");
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
    const seconds = (performance.now() - began) / 1000;
    verified.sent += sent;
    verified.stored += await sender.received();
    return bytes / seconds;
  } finally {
    await sender.close();
  }
}

/** Proof that the way led through the proxy: with the proxy's port wrong, nothing arrives. */
async function throughProxy(portal: FakePortal, proxies: World["proxies"]): Promise<Measured["controls"]> {
  const [, first] = proxies;
  if (first?.settings == null) throw new Error("no proxy was measured");
  const at = (port: number) => ({ host: portal.host, port });
  const servers = { statusServer: at(portal.ports.status), logServer: at(portal.ports.ssl) };
  const nobody = { ...first.settings, port: 1 };
  const sender = await openSender(portal, { protocol: "ssl", proxy: nobody, ...servers });
  try {
    const listed = await sender.link.request.listCases(0).then(
      () => "answered",
      (error: { code?: string }) => error.code ?? "another error",
    );
    return [{ name: "a proxy where nobody listens", expected: "proxy.unreachable", got: listed }];
  } finally {
    await sender.close();
  }
}
