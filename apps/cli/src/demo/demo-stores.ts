import { join } from "node:path";
import { startEventStore, startPostgres } from "@tms/embedded-stores";
import { rememberedPassword } from "./log-ons.ts";

/** PostgreSQL with one database an app, and the event store, for one installation. */
export interface DemoStores {
  databaseUrl(name: "portal" | "mitigator"): string;
  eventStore(): { url: string; user: string; password: string };
  /** The processes of now; others after a crash. */
  pids(): { postgres: number; eventStore: number };
  stop(): Promise<void>;
}

export async function startStores(directory: string): Promise<DemoStores> {
  const postgres = await startPostgres({ directory: join(directory, "postgres"), databases: ["portal", "mitigator"] });
  try {
    const user = "portal";
    const password = await rememberedPassword(directory, "event-store", user);
    const events = await startEventStore({ directory: join(directory, "event-store"), user, password });
    return {
      databaseUrl: (name) => postgres.url(name),
      eventStore: () => ({ url: events.url, user, password }),
      pids: () => ({ postgres: postgres.pid, eventStore: events.pid }),
      stop: async () => {
        await events.stop();
        await postgres.stop();
      },
    };
  } catch (error) {
    await postgres.stop();
    throw error;
  }
}
