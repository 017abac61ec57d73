import { createHash, randomUUID } from "node:crypto";
import { copyFile, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type {
  BatchAnswer,
  CaseView,
  ConnectionDetails,
  Directive,
  DirectiveOutcome,
  HeartbeatAnswer,
  HeartbeatRequest,
  PackageMetadata,
} from "@tms/contracts/link";
import { type Authority, createAuthority, createSshHostKey, type SshHostKey } from "@tms/link";
import {
  type AnnouncedTrust,
  announcedTrust,
  arrivingStart,
  type BatchIntake,
  createBatchIntake,
  createSshLogServer,
  type Hearing,
  hearingOf,
  heartbeatDigest,
  type IdentitySource,
  isTaken,
  type Judgement,
  judgeStart,
  type KnownStart,
  type Peer,
  readBatchRecords,
  registerLogServer,
  registerStatusServer,
  type SshLimits,
  type SshLogServer,
} from "@tms/link/upper";
import {
  AppError,
  type CaseId,
  type Clock,
  type CustomerId,
  type LinkRecord,
  newId,
  type ProductId,
  type Registration,
  type Sha256,
  STREAMS,
  type Stream,
  systemClock,
} from "@tms/records";
import { equalSecret } from "@tms/signing";
import { type FastifyInstance, fastify } from "fastify";
import { Changes } from "./changes.ts";
import { FakeDisk } from "./fake-disk.ts";
import { FakeIntakeStore } from "./fake-portal-store.ts";
import { FakeRegistrations } from "./fake-registrations.ts";
import { listenOn } from "./listen-on.ts";

export interface FakePortalOptions {
  host?: string;
  clock?: Clock;
  customer?: CustomerId;
  patternRoot?: Sha256;
  /** What registration answers; differs from `patternRoot` only to attack. */
  answeredPatternRoot?: Sha256;
  sshLimits?: Partial<SshLimits>;
  batchBytes?: number;
  /** How long a start in force must be silent before another takes over. */
  silenceMs?: number;
}

const DEFAULT_SILENCE_MS = 180_000;

/**
 * A portal for tests: a real server on loopback that speaks the real protocol through the upper door, with its tables
 * in memory and its batches in a directory. What it did is there to be read; what it shall do can be scripted.
 */
export class FakePortal {
  readonly customer: CustomerId;
  readonly userName = "acme";
  readonly password = "correct-horse-battery";
  readonly store = new FakeIntakeStore();
  /** Those that were taken. */
  readonly heartbeats: HeartbeatRequest[] = [];
  /** What each heartbeat was judged to be. */
  readonly judged: Judgement["kind"][] = [];
  readonly starts = new Map<ProductId, KnownStart>();
  readonly outcomes: DirectiveOutcome[] = [];
  readonly disk = new FakeDisk();
  readonly packages: { meta: PackageMetadata; file: string }[] = [];
  readonly custody: string[] = [];
  readonly patternFiles = new Map<string, Buffer>();
  readonly cases = new Map<CaseId, CaseView>();
  readonly registrations: FakeRegistrations;
  readonly patternRoot: Sha256;
  /** Answers given to the next batches instead of the true ones; nothing is stored for them. */
  readonly scripted: BatchAnswer[] = [];
  /** Announced instead of the true keys. */
  announced: AnnouncedTrust | null = null;
  readonly directory: string;
  readonly host: string;
  readonly authority: Authority;
  readonly sshHostKey: SshHostKey;
  ports = { status: 0, ssl: 0, ssh: 0 };
  readonly #options: FakePortalOptions;
  readonly #clock: Clock;
  readonly #directives = new Map<ProductId, Directive[]>();
  readonly #waiters = new Set<() => void>();
  readonly #seen = new Changes();
  #servers: FastifyInstance[] = [];
  #ssh: SshLogServer | null = null;
  #changes = 0;

  private constructor(
    options: FakePortalOptions,
    directory: string,
    made: { authority: Authority; sshHostKey: SshHostKey },
  ) {
    this.#options = options;
    this.authority = made.authority;
    this.sshHostKey = made.sshHostKey;
    this.#clock = options.clock ?? systemClock;
    this.directory = directory;
    this.host = options.host ?? "127.0.0.1";
    this.customer = options.customer ?? newId<CustomerId>();
    this.patternRoot = options.patternRoot ?? (createHash("sha256").update("root").digest("hex") as Sha256);
    this.registrations = new FakeRegistrations({
      customer: this.customer,
      authority: made.authority,
      sshHostKeys: () => made.sshHostKey.fingerprints(),
      patternRoot: () => options.answeredPatternRoot ?? this.patternRoot,
      checkPassword: async (userName, password) => {
        await this.#credentials.check(userName, password);
      },
      onChange: () => this.#seen.tell(),
      clock: this.#clock,
    });
  }

  get products(): FakeRegistrations["products"] {
    return this.registrations.products;
  }

  get renewals(): FakeRegistrations["renewals"] {
    return this.registrations.renewals;
  }

  get enrolments(): FakeRegistrations["enrolments"] {
    return this.registrations.enrolments;
  }

  get identity(): IdentitySource {
    return this.registrations.identity;
  }

  get customerExpired(): boolean {
    return this.registrations.customerExpired;
  }

  set customerExpired(expired: boolean) {
    this.registrations.customerExpired = expired;
  }

  static async start(options: FakePortalOptions = {}): Promise<FakePortal> {
    const directory = await mkdtemp(join(tmpdir(), "tms-portal-"));
    const clock = options.clock ?? systemClock;
    const authority = await createAuthority({ directory: join(directory, "ca"), name: "Fake portal", clock });
    const sshHostKey = await createSshHostKey(join(directory, "ssh"));
    const portal = new FakePortal(options, directory, { authority, sshHostKey });
    await portal.listen();
    return portal;
  }

  /** Opens the listeners, with the keys that lie on the disk; on the same ports again after `hangUp`. */
  async listen(): Promise<void> {
    await Promise.all([this.authority.look(), this.sshHostKey.look()]);
    const { keyPem, certPem } = await this.authority.issueServer({ hosts: [this.host, "localhost"] });
    const tls = { key: keyPem, cert: certPem, requestCert: true, rejectUnauthorized: false } as const;
    const status = fastify({ https: tls, forceCloseConnections: true });
    const ssl = fastify({ https: tls, forceCloseConnections: true });
    const intake = this.#intake();
    registerStatusServer(status, this.#statusDeps());
    registerLogServer(status, { identity: this.identity, credentials: null, intake });
    registerLogServer(ssl, { identity: this.identity, credentials: this.#credentials, intake });
    this.ports.status = await listenOn(status, this.host, this.ports.status);
    this.ports.ssl = await listenOn(ssl, this.host, this.ports.ssl);
    this.#ssh = createSshLogServer({
      hostKeyPem: () => this.sshHostKey.privatePem,
      identity: this.identity,
      credentials: this.#credentials,
      intake,
      ...(this.#options.sshLimits === undefined ? {} : { limits: this.#options.sshLimits }),
      clock: this.#clock,
    });
    this.ports.ssh = await this.#ssh.listen(this.host, this.ports.ssh);
    this.#servers = [status, ssl];
  }

  /** Closes the listeners as a crash would; tables and files stay. */
  async hangUp(): Promise<void> {
    this.#wakeAll();
    await Promise.all([...this.#servers.map((server) => server.close()), this.#ssh?.close()]);
  }

  async close(): Promise<void> {
    await this.hangUp();
    await rm(this.directory, { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  connectionDetails(): ConnectionDetails {
    const at = (port: number) => ({ host: this.host, port });
    return {
      schema: "tms.connection/1",
      customer: { id: this.customer, name: "Acme" },
      statusServer: at(this.ports.status),
      logServer: { ssl: at(this.ports.ssl), ssh: at(this.ports.ssh) },
      caPins: this.authority.pins(),
      sshHostKeys: this.sshHostKey.fingerprints(),
      patternRoot: this.patternRoot,
      userName: this.userName,
    };
  }

  /** Gives a directive to a product; it stays until its outcome arrives. */
  order(product: ProductId, directive: Directive): void {
    this.#directives.set(product, [...(this.#directives.get(product) ?? []), directive]);
    this.#wakeAll();
  }

  setRegistration(product: ProductId, registration: Registration): void {
    this.registrations.setRegistration(product, registration);
  }

  /** Every record received of a stream, in order, duplicates of other epochs included. */
  async records(product: ProductId, stream: Stream): Promise<LinkRecord[]> {
    const records: LinkRecord[] = [];
    for (const batch of this.store.batches(product, stream).filter((one) => one.readable)) {
      for await (const { record } of readBatchRecords(join(this.directory, "blobs", batch.blobKey))) {
        if (record !== null) records.push(record);
      }
    }
    return records;
  }

  /** Resolves once `condition` holds; looked at again after each request that changed something. */
  async until(condition: () => boolean | Promise<boolean>): Promise<void> {
    await this.#seen.until(condition);
  }

  readonly #credentials = {
    check: async (userName: string, password: string) => {
      const right = [equalSecret(userName, this.userName), equalSecret(password, this.password)];
      if (right.includes(false)) throw new AppError("link.credentials_wrong");
      return { customer: this.customer };
    },
  };

  #intake(): BatchIntake {
    const intake = createBatchIntake({
      directory: join(this.directory, "blobs"),
      store: this.store,
      admission: this.disk,
      clock: this.#clock,
    });
    return {
      incoming: intake.incoming,
      receive: async (peer, stated, body) => {
        const scripted = this.scripted.shift();
        if (scripted !== undefined) for await (const _ of body);
        const answer = scripted ?? (await intake.receive(peer, stated, body));
        this.#seen.tell();
        return answer;
      },
    };
  }

  #statusDeps(): Parameters<typeof registerStatusServer>[1] {
    return {
      identity: this.identity,
      credentials: this.#credentials,
      role: "status-server",
      register: (request) => this.registrations.register(request),
      renew: (peer, request) => this.registrations.renew(peer, request),
      unregister: async (peer) => this.setRegistration(peer.product, "unregistered"),
      heartbeats: {
        accept: (peer, request, from) => this.#acceptHeartbeat(peer, request, from),
        answer: async (peer) => this.#answer(peer),
        waitForNews: (peer, signal) => this.#wait(peer, signal),
      },
      trust: () => this.announced ?? announcedTrust(this.authority, this.sshHostKey),
      cases: {
        put: async (_peer, id, body) => this.#putCase(id, body),
        changedAfter: async (_peer, after) => [...this.cases.values()].filter((one) => one.changeNumber > after),
      },
      packages: {
        directory: join(this.directory, "uploads"),
        admit: () => this.disk.admit("forensics"),
        announced: async (_peer, meta) => {
          this.custody.push(`announced ${meta.package}`);
        },
        resumed: async (_peer, meta, offset) => {
          this.custody.push(`resumed ${meta.package} ${offset}`);
        },
        finished: async (_peer, meta, file) => {
          await mkdir(join(this.directory, "packages"), { recursive: true });
          const kept = join(this.directory, "packages", meta.package);
          await copyFile(file, kept);
          // Told again after a kill in the middle: the same package, not a second one.
          if (!this.packages.some((one) => one.meta.package === meta.package)) this.packages.push({ meta, file: kept });
          this.#seen.tell();
        },
        failed: async (_peer, meta, code) => {
          this.custody.push(`failed ${meta.package} ${code}`);
        },
      },
      patterns: {
        metadata: async (_peer, name) => this.patternFiles.get(name) ?? null,
        target: async (_peer, path) => this.patternFiles.get(`targets/${path}`) ?? null,
      },
    };
  }

  async #acceptHeartbeat(peer: Peer, request: HeartbeatRequest, from: { address: string }): Promise<Hearing> {
    const { product } = peer;
    const at = this.#clock.now();
    const known = this.starts.get(product) ?? null;
    const judged = judgeStart(known, arrivingStart(request, { ...from, contentDigest: heartbeatDigest(request) }), {
      nowMs: at.getTime(),
      silenceMs: this.#options.silenceMs ?? DEFAULT_SILENCE_MS,
      newChallenge: randomUUID(),
    });
    this.starts.set(
      product,
      isTaken(judged.kind) || known === null ? judged.after : { ...known, watch: judged.after.watch },
    );
    if (judged.kind === "clone") this.registrations.setCloned(product);
    this.judged.push(judged.kind);
    const hearing = hearingOf(judged, { product, at });
    if (isTaken(judged.kind)) this.#takeHeartbeat(peer, request);
    this.#seen.tell();
    return hearing;
  }

  #takeHeartbeat(peer: Peer, request: HeartbeatRequest): void {
    this.heartbeats.push(request);
    this.outcomes.push(...request.outcomes);
    const done = new Set(request.outcomes.map((outcome) => outcome.id));
    const left = (this.#directives.get(peer.product) ?? []).filter((directive) => !done.has(directive.id));
    this.#directives.set(peer.product, left);
    for (const report of request.streams) this.store.announce(peer.product, report.stream, report.epoch);
  }

  #answer(peer: Peer): HeartbeatAnswer {
    const positions = STREAMS.flatMap((stream) => {
      const position = this.store.position(peer.product, stream);
      return position === null ? [] : [{ stream, ...position }];
    });
    const directives = this.#directives.get(peer.product) ?? [];
    return { serverTime: this.#clock.now().toISOString(), nextSeconds: 0, directives, positions };
  }

  async #wait(peer: Peer, signal: AbortSignal): Promise<void> {
    // What came between the answer and this wait would otherwise be slept over.
    if ((this.#directives.get(peer.product) ?? []).length > 0) return;
    return new Promise((resolve) => {
      const end = () => {
        this.#waiters.delete(end);
        resolve();
      };
      this.#waiters.add(end);
      signal.addEventListener("abort", end, { once: true });
    });
  }

  #putCase(id: CaseId, body: { endpoint: CaseView["endpoint"]; state: CaseView["state"] }): CaseView {
    this.#changes += 1;
    const view: CaseView = {
      id,
      shortId: this.cases.get(id)?.shortId ?? `C-${this.cases.size + 1}`,
      endpoint: body.endpoint,
      state: body.state,
      changeNumber: this.#changes,
      updatedAt: this.#clock.now().toISOString(),
      pattern: null,
    };
    this.cases.set(id, view);
    this.#seen.tell();
    return view;
  }

  #wakeAll(): void {
    for (const wake of [...this.#waiters]) wake();
  }
}
