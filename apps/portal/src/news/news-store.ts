import { Client } from "pg";

/** How long to wait before the LISTEN connection is tried again. */
const RECONNECT_MS = 1000;

export interface News {
  /** Calls back for every NOTIFY on the channel; register before `start`. */
  on(channel: string, listener: (payload: string) => void): void;
  /** Calls back after a lost connection is back: what came meanwhile was missed. */
  onMissed(listener: () => void): void;
  start(): Promise<void>;
  close(): Promise<void>;
}

/** The one LISTEN connection of this node (architecture, section 5); it comes back by itself. */
export function createNews(options: { url: string; onError: (error: unknown) => void }): News {
  const listeners = new Map<string, ((payload: string) => void)[]>();
  const missed: (() => void)[] = [];
  let client: Client | null = null;
  let timer: NodeJS.Timeout | null = null;
  let isClosed = false;

  async function connect(): Promise<void> {
    const fresh = new Client({ connectionString: options.url, keepAlive: true });
    fresh.on("error", options.onError);
    fresh.on("notification", ({ channel, payload }) => {
      for (const listener of listeners.get(channel) ?? []) listener(payload ?? "");
    });
    await fresh.connect();
    fresh.on("end", reconnectLater);
    // Channel names are constants of this program, never input.
    for (const channel of listeners.keys()) await fresh.query(`listen ${fresh.escapeIdentifier(channel)}`);
    client = fresh;
  }

  function reconnectLater(): void {
    client = null;
    if (isClosed || timer !== null) return;
    timer = setTimeout(() => {
      timer = null;
      connect().then(
        () => {
          for (const listener of missed) listener();
        },
        (error: unknown) => {
          options.onError(error);
          reconnectLater();
        },
      );
    }, RECONNECT_MS);
  }

  return {
    on: (channel, listener) => {
      listeners.set(channel, [...(listeners.get(channel) ?? []), listener]);
    },
    onMissed: (listener) => {
      missed.push(listener);
    },
    start: connect,
    async close() {
      isClosed = true;
      if (timer !== null) clearTimeout(timer);
      await client?.end();
    },
  };
}
