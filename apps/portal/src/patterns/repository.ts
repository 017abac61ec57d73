import type { CustomerScope, Sha256 } from "@tms/records";

/** The one state of a customer's TUF repository that is in force. */
export interface RepositoryState {
  patternRoot: Sha256;
  /** Highest root version. */
  root: number;
  targets: number;
  /** Snapshot and timestamp count together. */
  online: number;
  /** Version in force of each delegated role. */
  roles: Record<string, number>;
  timestampExpiresAt: Date;
}

export interface NewTarget {
  path: string;
  sha256: Sha256;
  sizeBytes: number;
  blobKey: string;
}

/** Work on a repository while its row is locked; all writes are one transaction. */
export interface RepositoryTransaction {
  state: RepositoryState;
  /** PKCS#8 PEM of the online keys, opened for this transaction alone. */
  onlineKeys: { snapshot: string; timestamp: string };
  metadata(name: string): Promise<Buffer>;
  putMetadata(name: string, bytes: Buffer): Promise<void>;
  putTarget(target: NewTarget): Promise<void>;
  setState(state: RepositoryState): Promise<void>;
}

export interface RepositoryStore<Tx extends RepositoryTransaction = RepositoryTransaction> {
  /** Writes a repository whole; what a crashed first try left is replaced. */
  create(
    scope: CustomerScope,
    repository: {
      state: RepositoryState;
      onlineKeys: { snapshot: string; timestamp: string };
      metadata: ReadonlyMap<string, Buffer>;
      targets: readonly NewTarget[];
    },
  ): Promise<void>;
  locked<T>(scope: CustomerScope, work: (tx: Tx) => Promise<T>): Promise<T>;
  metadata(scope: CustomerScope, name: string): Promise<Buffer | null>;
  target(scope: CustomerScope, path: string): Promise<NewTarget | null>;
  state(scope: CustomerScope): Promise<RepositoryState | null>;
}
