import { createHash } from "node:crypto";
import { Server as TlsServer } from "node:tls";
import { AppError, type Clock } from "@tms/records";
import type { FastifyInstance } from "fastify";
import { MIN_TLS_VERSION } from "../http/create-http-server.ts";
import type { Closing } from "../start/closing.ts";
import type { Logger } from "../start/create-logger.ts";
import {
  type CertificatePair,
  daysLeft,
  demandServable,
  type EndingStage,
  endingStage,
  parseCertificatePair,
  readCertificatePair,
} from "./certificate-pair.ts";

// The certificate of listeners, kept good while they run.
// K1  At the start a pair that cannot be served stops the start; later it is refused, and the one in force stays.
// K2  Connections that are open keep theirs; the next handshake sees the new one.
// K3  The operator's files are looked at, not watched: certificates arrive by rename, by symbolic link, or as two writes
//     a moment apart, and a look at both contents sees all of these the same way.
// K4  A certificate of our own CA gets its successor after two thirds of its life, and at the first look after the CA is
//     another one.

/** What is served is at most this much older than the files. */
const LOOK_EVERY_MS = 10_000;

export type CertificateSource =
  | {
      kind: "operator";
      certFile: string;
      keyFile: string;
      /** What people type into the browser. */
      name: string;
    }
  | { kind: "own"; issue(): Promise<{ keyPem: string; certPem: string }>; issuer?(): string };

export interface KeptCertificate {
  /** What is in force now. */
  pem(): { keyPem: string; certPem: string };
  /** The end, once there are 30 days or less; null before. */
  ending(): { notAfter: Date; stage: EndingStage } | null;
  /** Gives this server every later certificate. */
  serve(server: FastifyInstance): void;
  /** Looks now, not at the next turn. */
  look(): Promise<"same" | "taken" | "refused">;
  close(): void;
}

/** @throws {AppError} `certificate.*` for a pair that cannot be served. */
export async function keepCertificate(options: {
  source: CertificateSource;
  clock: Clock;
  log: Logger;
}): Promise<KeptCertificate> {
  const issuer = issuerOf(options.source);
  const keeper = new Keeper(options, { pair: await load(options.source, options.clock), issuer });
  keeper.start();
  return keeper;
}

/**
 * The certificates of a server's listeners: of its own CA for those that are pinned, and the operator's for the
 * console, if there is one.
 *
 * @param options `opened` takes what is to be closed.
 * @throws {AppError} `certificate.*`
 */
export async function keepListenerCertificates(options: {
  issue(): Promise<{ keyPem: string; certPem: string }>;
  /** Differs as soon as `issue` would give one by another CA. */
  issuer?(): string;
  operator: { certFile: string; keyFile: string; name: string } | null;
  clock: Clock;
  log: Logger;
  opened: Closing;
}): Promise<{ own: KeptCertificate; console: KeptCertificate }> {
  const { clock, log, opened, issue, issuer } = options;
  const keep = async (source: CertificateSource) => {
    const kept = await keepCertificate({ source, clock, log });
    opened.add(() => kept.close());
    return kept;
  };
  const own = await keep({ kind: "own", issue, ...(issuer === undefined ? {} : { issuer }) });
  return { own, console: options.operator === null ? own : await keep({ kind: "operator", ...options.operator }) };
}

class Keeper implements KeptCertificate {
  readonly #options: { source: CertificateSource; clock: Clock; log: Logger };
  readonly #servers = new Set<TlsServer>();
  #pair: CertificatePair;
  #issuer: string;
  #refused = "";
  #told: EndingStage | null = null;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<"same" | "taken" | "refused"> | null = null;

  constructor(
    options: { source: CertificateSource; clock: Clock; log: Logger },
    first: { pair: CertificatePair; issuer: string },
  ) {
    this.#options = options;
    this.#pair = first.pair;
    this.#issuer = first.issuer;
  }

  pem(): { keyPem: string; certPem: string } {
    return { keyPem: this.#pair.keyPem, certPem: this.#pair.certPem };
  }

  ending(): { notAfter: Date; stage: EndingStage } | null {
    const { notAfter } = this.#pair;
    const stage = endingStage(notAfter, this.#options.clock.now());
    return stage === null ? null : { notAfter, stage };
  }

  serve(server: FastifyInstance): void {
    const tls: unknown = server.server;
    if (!(tls instanceof TlsServer)) return;
    this.#servers.add(tls);
    server.addHook("onClose", async () => void this.#servers.delete(tls));
  }

  start(): void {
    this.#warn();
    this.#timer = setInterval(() => void this.look(), LOOK_EVERY_MS);
    this.#timer.unref();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#servers.clear();
  }

  /** One look at a time: a slow disk must not let an older look win over a newer. */
  look(): Promise<"same" | "taken" | "refused"> {
    this.#looking ??= this.#lookOnce().finally(() => {
      this.#looking = null;
    });
    return this.#looking;
  }

  async #lookOnce(): Promise<"same" | "taken" | "refused"> {
    const { source, clock, log } = this.#options;
    try {
      // Read before it is issued: whatever CA comes meanwhile is seen at the next look.
      const issuer = issuerOf(source);
      if (source.kind === "own" && issuer === this.#issuer && !isDue(this.#pair, clock.now())) return "same";
      const next = source.kind === "own" ? await load(source, clock) : await this.#changed(source);
      if (next === null) return "same";
      for (const server of this.#servers) {
        server.setSecureContext({ key: next.keyPem, cert: next.certPem, minVersion: MIN_TLS_VERSION });
      }
      this.#pair = next;
      this.#issuer = issuer;
      this.#told = null;
      this.#refused = "";
      log.info({ notAfter: next.notAfter }, "a new certificate is in force");
      return "taken";
    } catch (error) {
      this.#refuse(error);
      return "refused";
    } finally {
      this.#warn();
    }
  }

  /** The operator's new pair, judged; null while it is the one in force. */
  async #changed(source: CertificateSource & { kind: "operator" }): Promise<CertificatePair | null> {
    const pair = await readCertificatePair(source);
    if (pair.certPem === this.#pair.certPem && pair.keyPem === this.#pair.keyPem) {
      this.#refused = "";
      return null;
    }
    demandServable(pair, { now: this.#options.clock.now(), name: source.name });
    return pair;
  }

  /** Told once a reason: the look is repeated every few seconds. */
  #refuse(error: unknown): void {
    const reason = createHash("sha256").update(String(error)).digest("hex");
    if (reason === this.#refused) return;
    this.#refused = reason;
    const code = error instanceof AppError ? error.code : undefined;
    this.#options.log.error({ err: error, code }, "a new certificate is refused; the one in force stays");
  }

  #warn(): void {
    const { clock, log } = this.#options;
    const { notAfter } = this.#pair;
    const stage = endingStage(notAfter, clock.now());
    if (stage === this.#told) return;
    this.#told = stage;
    if (stage === null) return;
    const facts = { notAfter, daysLeft: daysLeft(notAfter, clock.now()) };
    if (stage === "ended") log.error(facts, "the certificate of the console has expired");
    else log.warn({ ...facts, code: "certificate.ends_soon" }, `the certificate ends within ${stage} days`);
  }
}

async function load(source: CertificateSource, clock: Clock): Promise<CertificatePair> {
  if (source.kind === "own") {
    return parseCertificatePair(await source.issue(), { certFile: "(issued)", keyFile: "(issued)" });
  }
  const pair = await readCertificatePair(source);
  demandServable(pair, { now: clock.now(), name: source.name });
  return pair;
}

function issuerOf(source: CertificateSource): string {
  return source.kind === "own" ? (source.issuer?.() ?? "") : "";
}

function isDue({ notBefore, notAfter }: CertificatePair, now: Date): boolean {
  const lifeMs = notAfter.getTime() - notBefore.getTime();
  return now.getTime() - notBefore.getTime() >= (lifeMs * 2) / 3;
}
