import { existsSync } from "node:fs";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type DemoStores, startStores } from "./demo-stores.ts";
import { rememberedPassword } from "./log-ons.ts";
import { atMitigator, atPortal, type MitigatorPerson, type PortalPerson } from "./person.ts";
import { type ReadyMessage, type SupervisedChild, superviseChild } from "./supervisor.ts";

// One whole installation in one directory: stores, portal, mitigator, later its two agents.

export const AGENT_HOSTS = ["ws-0142", "ws-0167"] as const;
const HOST = "127.0.0.1";
const POLL_MS = 200;
/** Written when all listen: those of a start that failed bind nobody. */
const PORTS_FILE = "ports.json";

interface Address {
  host: string;
  port: number;
}

interface PortalReady {
  console: string;
  statusServer: Address;
  logServer: { ssl: Address; ssh: Address };
}

interface MitigatorReady {
  console: string;
  agents: Address;
}

export interface Ports {
  console: number;
  statusServer: number;
  logServerSsl: number;
  logServerSsh: number;
  mitigatorConsole: number;
  agents: number;
}

/** Port 0 everywhere: the system chooses, so that runs beside each other never meet. */
export const ANY_PORTS: Ports = {
  console: 0,
  statusServer: 0,
  logServerSsl: 0,
  logServerSsh: 0,
  mitigatorConsole: 0,
  agents: 0,
};
export const DEFAULT_PORTS: Ports = {
  console: 8440,
  statusServer: 8443,
  logServerSsl: 8444,
  logServerSsh: 8022,
  mitigatorConsole: 9440,
  agents: 9443,
};

export interface Installation {
  directory: string;
  sandboxes: readonly [string, string];
  stores: DemoStores;
  portal: SupervisedChild;
  mitigator: SupervisedChild;
  agents: SupervisedChild[];
  portalConsole: string;
  mitigatorConsole: string;
  atPortal: PortalPerson;
  atMitigator: MitigatorPerson;
  /** Opens more consoles as other people. */
  portalCa: string;
  mitigatorCa: string;
  enrolAgents(): Promise<void>;
  stop(): Promise<void>;
}

/** @param wanted Ports of a first start; later ones take the same again, because everybody knows them by then. */
export async function startInstallation(
  directory: string,
  wanted: Ports,
  say: (line: string) => void,
): Promise<Installation> {
  await mkdir(directory, { recursive: true });
  const running: { stop(): Promise<void> }[] = [];
  const stopAll = async () => {
    for (const part of running.reverse()) await part.stop();
    running.length = 0;
  };
  try {
    say("Starting PostgreSQL and the event store.");
    const stores = await startStores(directory);
    running.push(stores);
    const ports = await portsOf(directory, wanted);
    say("Starting the portal.");
    const portal = await superviseChild(await portalSpec(directory, ports, stores), say);
    running.push(portal);
    const portalAddresses = portalListen(portal.ready());
    await listenAgainOn(directory, "portal", portalAddresses);
    say("Starting the mitigator.");
    const mitigator = await superviseChild(await mitigatorSpec(directory, ports, stores), say);
    running.push(mitigator);
    const mitigatorAddresses = mitigatorListen(mitigator.ready());
    await listenAgainOn(directory, "mitigator", mitigatorAddresses);
    await keepPorts(directory, {
      console: portalAddresses.console.port,
      statusServer: portalAddresses.statusServer.port,
      logServerSsl: portalAddresses.logServerSsl.port,
      logServerSsh: portalAddresses.logServerSsh.port,
      mitigatorConsole: mitigatorAddresses.console.port,
      agents: mitigatorAddresses.agents.port,
    });
    const portalConsole = String(portal.ready().console);
    const mitigatorConsole = String(mitigator.ready().console);
    const portalCa = join(directory, "portal", "ca.pem");
    const mitigatorCa = join(directory, "mitigator", "ca.pem");
    const agents: SupervisedChild[] = [];
    const sandboxes = [join(directory, "sandbox", "agent-a"), join(directory, "sandbox", "agent-b")] as const;
    for (const sandbox of sandboxes) await mkdir(sandbox, { recursive: true });
    const person = await atMitigator(mitigatorConsole, mitigatorCa);
    return {
      directory,
      sandboxes,
      stores,
      portal,
      mitigator,
      agents,
      portalConsole,
      mitigatorConsole,
      atPortal: await atPortal(portalConsole, portalCa),
      atMitigator: person,
      portalCa,
      mitigatorCa,
      enrolAgents: async () => {
        // At once, since each spends its seconds on its own; the tokens stay in order, so that a name is always the same agent.
        const specs = [];
        for (const [index, sandbox] of sandboxes.entries())
          specs.push(await agentSpec({ directory, index, sandbox, person }));
        const started = await Promise.allSettled(specs.map((one) => superviseChild(one, say)));
        for (const one of started) {
          if (one.status === "rejected") continue;
          agents.push(one.value);
          running.push(one.value);
        }
        // Who did start is stopped with the rest.
        for (const one of started) if (one.status === "rejected") throw one.reason;
      },
      stop: stopAll,
    };
  } catch (error) {
    await stopAll();
    throw error;
  }
}

async function portalSpec(directory: string, ports: Ports, stores: DemoStores) {
  return spec(directory, "portal", "portal", {
    dataDir: join(directory, "portal"),
    edition: "hosted",
    name: "Threat Management Services Portal",
    zone: zoneHere(),
    listen: {
      console: { host: HOST, port: ports.console },
      statusServer: { host: HOST, port: ports.statusServer },
      logServerSsl: { host: HOST, port: ports.logServerSsl },
      logServerSsh: { host: HOST, port: ports.logServerSsh },
    },
    publicHost: HOST,
    database: { url: stores.databaseUrl("portal") },
    eventStore: stores.eventStore(),
    roles: ["console", "status-server", "log-server", "worker"],
    demo: true,
  });
}

async function mitigatorSpec(directory: string, ports: Ports, stores: DemoStores) {
  return spec(directory, "mitigator", "mitigator", {
    dataDir: join(directory, "mitigator"),
    name: "north-office",
    zone: zoneHere(),
    listen: { console: { host: HOST, port: ports.mitigatorConsole }, agents: { host: HOST, port: ports.agents } },
    publicHost: HOST,
    database: { url: stores.databaseUrl("mitigator") },
    demo: true,
  });
}

/** A process that fell must come back on the ports it had, also where the system had chosen them. */
async function listenAgainOn(directory: string, name: string, listen: object): Promise<void> {
  const file = join(directory, `${name}.json`);
  const config = JSON.parse(await readFile(file, "utf8")) as object;
  await writeFile(file, `${JSON.stringify({ ...config, listen }, null, 2)}\n`, { mode: 0o600 });
}

async function keepPorts(directory: string, ports: Ports): Promise<void> {
  await writeFile(join(directory, PORTS_FILE), `${JSON.stringify(ports, null, 2)}\n`);
}

async function portsOf(directory: string, wanted: Ports): Promise<Ports> {
  const file = join(directory, PORTS_FILE);
  return existsSync(file) ? (JSON.parse(await readFile(file, "utf8")) as Ports) : wanted;
}

function portalListen(ready: ReadyMessage) {
  const { console, statusServer, logServer } = ready as unknown as PortalReady;
  return { console: addressOf(console), statusServer, logServerSsl: logServer.ssl, logServerSsh: logServer.ssh };
}

function mitigatorListen(ready: ReadyMessage) {
  const { console, agents } = ready as unknown as MitigatorReady;
  return { console: addressOf(console), agents };
}

function addressOf(url: string): Address {
  const { hostname, port } = new URL(url);
  return { host: hostname, port: Number(port) };
}

async function agentSpec(input: { directory: string; index: number; sandbox: string; person: MitigatorPerson }) {
  const { directory, index, sandbox, person } = input;
  const name = `agent-${"ab"[index]}`;
  const { token } = await person.makeEnrolmentToken({ body: { uses: 1, validHours: 1 } });
  return spec(directory, name, "agent", {
    dataDir: join(directory, name),
    token,
    host: AGENT_HOSTS[index],
    sandbox: { root: sandbox },
    watch: [sandbox],
    crontabs: [join(sandbox, "var/spool/cron/crontabs/ana")],
    pollMs: POLL_MS,
  });
}

async function spec(directory: string, name: string, app: "portal" | "mitigator" | "agent", config: object) {
  const configFile = join(directory, `${name}.json`);
  await writeFile(configFile, `${JSON.stringify(config, null, 2)}\n`, { mode: 0o600 });
  await chmod(configFile, 0o600);
  return { name, app, configFile, logFile: join(directory, "logs", `${name}.log`) };
}

function zoneHere(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone;
}

/** The people of the demo, with random passwords that stand in a 0600 file of the data directory. */
export async function setUpPeople(installation: Installation): Promise<void> {
  const { directory, portal, mitigator, atPortal: portalPerson, atMitigator: mitigatorPerson } = installation;
  const finch = await rememberedPassword(directory, "mitigator", "admin.finch");
  const owl = await rememberedPassword(directory, "portal", "admin.owl");
  await logOn(portalPerson, portal.ready().setUpLink, "admin.owl", owl);
  await logOn(mitigatorPerson, mitigator.ready().setUpLink, "admin.finch", finch);
}

async function logOn(
  person: Pick<PortalPerson, "setUp" | "logOn">,
  setUpLink: unknown,
  userName: string,
  password: string,
): Promise<void> {
  const token = typeof setUpLink === "string" ? new URLSearchParams(setUpLink.split("?")[1]).get("token") : null;
  if (token === null) await person.logOn({ body: { userName, password } });
  else await person.setUp({ body: { token, userName, password } });
}
