import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Directive, DirectiveOutcome } from "@tms/contracts/link";
import {
  createLowerKeys,
  createLowerLink,
  identityInForce,
  type LinkState,
  type LogServerAddress,
  type LowerDescription,
  type LowerKeys,
  type LowerLink,
  openSpool,
  registerLower,
  type Spool,
  type SpoolLimits,
  type StoredIdentity,
} from "@tms/link/lower";
import type { ThreatEventRecord } from "@tms/records";
import { type Clock, type EndpointId, newId, type RecordId, STREAMS, systemClock, type ThreatId } from "@tms/records";
import { Changes } from "./changes.ts";
import type { FakePortal } from "./fake-portal.ts";

export interface FakeAgentOptions {
  portal: FakePortal;
  protocol?: "ssl" | "ssh";
  /** Instead of the portal's own listeners: a chaos proxy's. */
  logPort?: number;
  statusPort?: number;
  clock?: Clock;
  directory?: string;
  spoolLimits?: Partial<SpoolLimits>;
  onDirective?(directive: Directive): Promise<DirectiveOutcome>;
  maxWaitSeconds?: number;
  host?: string;
}

interface Made {
  directory: string;
  keys: LowerKeys;
  identity: StoredIdentity;
  instanceId: string;
  spool: Spool;
}

/** A lower party for tests: real keys, real registration, real spool and link, and no sensors. */
export class FakeAgent {
  readonly states: LinkState[] = [];
  readonly directives: Directive[] = [];
  keys: LowerKeys;
  identity: StoredIdentity;
  spool: Spool;
  link: LowerLink;
  readonly directory: string;
  #options: FakeAgentOptions;
  readonly #seen = new Changes();
  instanceId: string;

  private constructor(options: FakeAgentOptions, made: Made) {
    this.#options = options;
    this.directory = made.directory;
    this.keys = made.keys;
    this.identity = made.identity;
    this.instanceId = made.instanceId;
    this.spool = made.spool;
    this.link = this.#makeLink();
  }

  /** Registers and opens the spool; `start` begins to speak. */
  static async create(options: FakeAgentOptions): Promise<FakeAgent> {
    const directory = options.directory ?? (await mkdtemp(join(tmpdir(), "tms-agent-")));
    const keys = await createLowerKeys(join(directory, "keys"));
    const instanceId = crypto.randomUUID();
    const identity = await registerAt(options.portal, { keys, instanceId });
    const spool = await openFakeSpool(options, directory);
    return new FakeAgent(options, { directory, keys, identity, instanceId, spool });
  }

  /** Another installation over a copy of the directory as it lies there: a clone, or a backup that was put back. */
  static async over(directory: string, like: FakeAgent, change: Partial<FakeAgentOptions> = {}): Promise<FakeAgent> {
    const options = { ...like.#options, ...change, directory };
    const keys = await createLowerKeys(join(directory, "keys"));
    const identity = await identityInForce(keys, like.identity);
    const spool = await openFakeSpool(options, directory);
    return new FakeAgent(options, { directory, keys, identity, instanceId: like.instanceId, spool });
  }

  /** Opens spool and link on what lies in the directory: what a new process does. */
  async open(): Promise<void> {
    this.keys = await createLowerKeys(join(this.directory, "keys"));
    this.identity = await identityInForce(this.keys, this.identity);
    this.spool = await openFakeSpool(this.#options, this.directory);
    this.link = this.#makeLink();
  }

  #makeLink(): LowerLink {
    const { portal, protocol = "ssl", clock = systemClock } = this.#options;
    const logServer: LogServerAddress = {
      host: portal.host,
      port: this.#options.logPort ?? portal.ports[protocol],
      protocol,
    };
    return createLowerLink({
      keys: this.keys,
      identity: this.identity,
      statusServer: { host: portal.host, port: this.#options.statusPort ?? portal.ports.status },
      logServer,
      spool: this.spool,
      describe: () => this.#describe(),
      onDirective: (directive) => this.#onDirective(directive),
      onState: (state) => this.#onState(state),
      clock,
      log: { info: () => undefined, warn: () => undefined },
      random: () => 0.05,
      maxWaitSeconds: this.#options.maxWaitSeconds ?? 20,
    });
  }

  /** Goes on over the other protocol, as a changed settings page does: the same spool, another line. */
  async switchTo(protocol: "ssl" | "ssh"): Promise<void> {
    await this.link.stop();
    this.#options = { ...this.#options, protocol };
    this.link = this.#makeLink();
    this.start();
  }

  start(): void {
    this.link.start();
  }

  /** The cure of a clone: other keys, another instance, another product. */
  async registerAnew(): Promise<void> {
    await this.stop();
    this.instanceId = crypto.randomUUID();
    const { portal } = this.#options;
    this.identity = await registerAt(portal, { keys: this.keys, instanceId: this.instanceId, freshKeys: true });
    await this.open();
  }

  async stop(): Promise<void> {
    await this.link.stop();
    await this.spool.close();
  }

  async close(): Promise<void> {
    await this.stop();
    await rm(this.directory, { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Resolves once the link is in such a state. */
  async until(condition: (state: LinkState) => boolean): Promise<void> {
    await this.#seen.until(() => condition(this.link.state()));
  }

  #onState(state: LinkState): void {
    this.states.push(state);
    this.#seen.tell();
  }

  #describe(): LowerDescription {
    return {
      version: "1.0.0",
      host: this.#options.host ?? "fake-agent",
      instanceId: this.instanceId,
      ready: { ok: true, reasons: [] },
      sending: "on",
    };
  }

  async #onDirective(directive: Directive): Promise<DirectiveOutcome> {
    this.directives.push(directive);
    return (await this.#options.onDirective?.(directive)) ?? { id: directive.id, ok: true };
  }
}

function registerAt(
  portal: FakePortal,
  by: { keys: LowerKeys; instanceId: string; freshKeys?: boolean },
): Promise<StoredIdentity> {
  return registerLower({
    keys: by.keys,
    statusServer: { host: portal.host, port: portal.ports.status },
    caPins: [portal.authority.spkiPin],
    patternRoot: portal.patternRoot,
    ...(by.freshKeys === undefined ? {} : { freshKeys: by.freshKeys }),
    request: {
      credentials: { kind: "password", userName: portal.userName, password: portal.password },
      kind: "mitigator",
      version: "1.0.0",
      host: "fake-agent",
      instanceId: by.instanceId,
      name: "Fake agent",
    },
  });
}

function openFakeSpool(options: FakeAgentOptions, directory: string): Promise<Spool> {
  return openSpool({
    directory: join(directory, "spool"),
    streams: STREAMS,
    clock: options.clock ?? systemClock,
    ...(options.spoolLimits === undefined ? {} : { limits: options.spoolLimits }),
  });
}

/** A valid threat event record; `change` shows the field that matters to a test. */
export function makeThreatEvent(change: Partial<ThreatEventRecord> = {}): ThreatEventRecord {
  return {
    id: newId<RecordId>(),
    endpoint: newId<EndpointId>(),
    occurredAt: "2026-11-24T09:00:00.123456Z",
    kind: "detection",
    body: {
      threatId: newId<ThreatId>(),
      threat: {
        name: "Marker file",
        ruleId: "RP-regular.marker",
        severity: "high",
        severityReason: "the rule says so",
      },
      status: "assessing",
      source: "agent",
      host: "host-1",
    },
    ...change,
  };
}
