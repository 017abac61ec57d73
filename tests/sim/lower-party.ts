import {
  composeLowerLink,
  LinkMemory,
  type LinkRequest,
  type LowerLink,
  openSpool,
  type Spool,
  type SpoolLimits,
} from "@tms/link/lower";
import type { Epoch, LinkRecord, ProductId, Stream } from "@tms/records";
import type { LowerIdentity } from "./make-identity.ts";
import type { Mutation } from "./mutations.ts";
import type { Observer } from "./observer.ts";
import type { Random } from "./random.ts";
import { type DiskImage, VirtualDisk } from "./virtual-disk.ts";
import type { VirtualLine } from "./virtual-line.ts";
import type { VirtualTime } from "./virtual-time.ts";

// A lower party: the shipped spool, heartbeat loop, log sender and link memory on a machine in memory.

export const SIMULATED_STREAMS = ["threat-events", "root-cause"] as const satisfies Stream[];
const SPOOL = "/spool";
const MEMORY = "/link";
/** A supervisor starts again what could not start. */
const START_AGAIN_MS = 45_000;

interface LowerProcess {
  alive: boolean;
  spool: Spool;
  link: LowerLink;
}

export interface LowerDeps {
  number: number;
  time: VirtualTime;
  random: Random;
  identity: LowerIdentity;
  limits: Partial<SpoolLimits>;
  line: VirtualLine;
  observer: Observer;
  mutation: Mutation | null;
}

export class LowerParty {
  readonly disk: VirtualDisk;
  readonly line: VirtualLine;
  clockOffsetMs = 0;
  #process: { alive: boolean } | null = null;
  #ready: LowerProcess | null = null;
  readonly #deps: LowerDeps;
  readonly #newEpoch: () => Epoch;

  constructor(deps: LowerDeps) {
    this.#deps = deps;
    this.line = deps.line;
    const clock = deps.time.clock(() => this.clockOffsetMs);
    this.disk = new VirtualDisk({ time: deps.time, random: deps.random.fork(), now: () => clock.now() });
    this.disk.install([MEMORY]);
    const newEpoch = () => deps.random.uuid<Epoch>();
    this.#newEpoch = deps.mutation?.newEpoch?.(newEpoch) ?? newEpoch;
  }

  get product(): ProductId {
    return this.#deps.identity.peer.product;
  }

  get isUp(): boolean {
    return this.#process !== null;
  }

  /** The spool of the running process; null while there is none. */
  get spool(): Spool | null {
    return this.#ready?.spool ?? null;
  }

  start(): void {
    if (this.#process !== null) return;
    const process = { alive: true };
    this.#process = process;
    this.#deps.time.note(`lower ${this.#deps.number} starts`);
    this.#run(process).catch((error: unknown) => {
      if (!process.alive) return;
      this.#deps.observer.startFailed(this.#deps.number, error);
      process.alive = false;
      this.#process = null;
      this.#deps.time.after(START_AGAIN_MS, () => this.start());
    });
  }

  crash(how: "kill" | "power"): void {
    if (this.#process === null) return;
    this.#deps.time.note(`lower ${this.#deps.number} ${how}`);
    this.#process.alive = false;
    this.#process = null;
    this.#ready = null;
    if (how === "power") this.disk.losePower();
  }

  restore(image: DiskImage): void {
    this.#deps.time.note(`lower ${this.#deps.number} restored`);
    this.disk.restore(image);
  }

  async append(stream: Stream, records: readonly LinkRecord[]): Promise<"kept" | "declared" | "refused"> {
    const process = this.#ready;
    if (process === null) return "refused";
    try {
      const { appended } = await process.spool.append(stream, records);
      return appended === records.length ? "kept" : "declared";
    } catch {
      // A full spool or a full disk: whoever handed the records over is told, and keeps them.
      return "refused";
    }
  }

  async #run(process: { alive: boolean }): Promise<void> {
    const { time, random, identity, limits, line, observer, number } = this.#deps;
    const disk = this.disk.of(process);
    const clock = time.clock(() => this.clockOffsetMs);
    const memory = await LinkMemory.openOn({ disk, directory: MEMORY }, random.uuid());
    const spool = await openSpool({
      directory: SPOOL,
      streams: SIMULATED_STREAMS,
      clock,
      limits,
      disk,
      newEpoch: this.#newEpoch,
    });
    const parts = line.partsFor(process);
    const { transport } = parts;
    const link = composeLowerLink(
      {
        keys: identity.keys,
        identity: { product: identity.peer.product },
        spool,
        describe: () => ({
          version: "1.0.0",
          host: `lower-${number}`,
          instanceId: identity.instanceId,
          ready: { ok: true, reasons: [] },
          sending: "on",
        }),
        onDirective: async (directive) => {
          if (process.alive) observer.hintDone(directive.id);
          return { id: directive.id, ok: true };
        },
        onState: (state) => {
          if (process.alive && state.phase === "refused") observer.refused(number, state.lastError?.code ?? "");
        },
        clock,
        log: { info: () => undefined, warn: () => undefined },
        random: random.float,
      },
      {
        ...parts,
        transport: transport && {
          ...transport,
          send: (stream, batch, signal) => {
            if (process.alive) observer.batchSent(number, stream, batch);
            return transport.send(stream, batch, signal);
          },
        },
        memory,
        request: NO_REQUESTS,
        timers: time.timers(process),
        close: async () => undefined,
      },
    );
    observer.lowerStarted();
    this.#ready = Object.assign(process, { spool, link });
    link.start();
  }
}

/** Cases, patterns and packages go another way than logs and heartbeats; nobody asks for them here. */
const NO_REQUESTS: LinkRequest = {
  putCase: notAsked,
  listCases: notAsked,
  patternMetadata: notAsked,
  patternTarget: notAsked,
  nextSlice: notAsked,
  uploadPackage: notAsked,
  unregister: notAsked,
};

function notAsked(): Promise<never> {
  return Promise.reject(new Error("no such request in this world"));
}
