import { randomBytes } from "node:crypto";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type EmbeddedEventStore, startEventStore } from "@tms/embedded-stores";

export interface TestEventStore {
  /** For `createClient({ url, username: user, password })` of @clickhouse/client. */
  readonly url: string;
  readonly user: string;
  readonly password: string;
  /** The child process and its restarts, for tests that kill it. */
  readonly store: EmbeddedEventStore;
  drop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * A real, empty event store for one test file; it starts in about a second and takes 200 MB, so share it in the file.
 *
 * ```ts
 * const events = await createTestEventStore();   // beforeAll
 * const client = createClient({ url: events.url, username: events.user, password: events.password });
 * await client.close();
 * await events.drop();                           // afterAll
 * ```
 */
export async function createTestEventStore(): Promise<TestEventStore> {
  const directory = await mkdtemp(join(tmpdir(), "tms-test-events-"));
  const password = randomBytes(18).toString("base64url");
  const store = await startEventStore({ directory, user: "tms", password });
  const { url, user, remove: drop } = store;
  return { url, user, password, store, drop, [Symbol.asyncDispose]: drop };
}
