import type {
  CasePut,
  CaseView,
  HeartbeatAnswer,
  HeartbeatRequest,
  PackageMetadata,
  RegisterAnswer,
  RegisterRequest,
  RenewAnswer,
  RenewRequest,
} from "@tms/contracts/link";
import type { CaseId, ErrorCode } from "@tms/records";
import type { AnnouncedTrust } from "./announce-trust.ts";
import type { CredentialCheck, IdentitySource, Peer } from "./peer.ts";

/** What became of a heartbeat beside its content (judge-start.ts). */
export interface Hearing {
  /** Anything but `taken`: nothing was committed, and neither directives nor positions are answered. */
  standing: "taken" | "diverged" | "superseded";
  /** What the start is to repeat, to prove that it is alive. */
  challenge: string | null;
  /** When it was heard, by the upper party's clock. */
  at: Date;
}

export interface HeartbeatPort {
  /**
   * Outcomes and report are committed before it resolves. The streams' signatures were verified before.
   *
   * @throws {AppError} `link.counter_replayed`, `link.identity_clone`
   */
  accept(peer: Peer, request: HeartbeatRequest, from: { address: string }): Promise<Hearing>;
  /** Directives not yet acknowledged, and the positions of all streams. */
  answer(peer: Peer): Promise<HeartbeatAnswer>;
  /** The longest that a heartbeat of this peer is held; absent = as long as it asks for. */
  mostWaitMs?(peer: Peer): Promise<number>;
  /** Resolves when directives appear; may reject once `signal` is aborted. */
  waitForNews(peer: Peer, signal: AbortSignal): Promise<void>;
}

export interface CasePort {
  put(peer: Peer, id: CaseId, body: CasePut): Promise<CaseView>;
  changedAfter(peer: Peer, after: number): Promise<CaseView[]>;
}

export interface PackagePort {
  /** Unfinished uploads lie here. */
  directory: string;
  /** Bounds one package, in bytes. */
  maxBytes?: number;
  /** Before an upload is made and before each part of it; throws `store.disk_low` to have it come later. */
  admit?(): Promise<void>;
  /** Before the first byte; throws `case.unknown` or another code to refuse. */
  announced(peer: Peer, meta: PackageMetadata, sizeBytes: number): Promise<void>;
  resumed(peer: Peer, meta: PackageMetadata, offset: number): Promise<void>;
  /** The file is on disk (fsync) and has the announced SHA-256. Copy, link or rename it; idempotent by package id. */
  finished(peer: Peer, meta: PackageMetadata, file: string): Promise<void>;
  failed(peer: Peer, meta: PackageMetadata, code: ErrorCode): Promise<void>;
}

export interface PatternPort {
  /** null = there is none. */
  metadata(peer: Peer, name: string): Promise<Buffer | null>;
  target(peer: Peer, path: string): Promise<Buffer | null>;
}

export interface StatusServerDeps {
  identity: IdentitySource;
  /** null where there are no user names (a mitigator's listener for agents). */
  credentials: CredentialCheck | null;
  role: "status-server";
  register(request: RegisterRequest, from: { address: string }): Promise<RegisterAnswer>;
  /** Certifies a new key, and keeps the old one valid until the first request with the new one. Idempotent by key. */
  renew(peer: Peer, request: RenewRequest): Promise<RenewAnswer>;
  unregister(peer: Peer): Promise<void>;
  heartbeats: HeartbeatPort;
  /** What heartbeats announce of our CA and SSH host key. */
  trust(): AnnouncedTrust;
  cases: CasePort | null;
  packages: PackagePort;
  patterns: PatternPort;
}
