/** PostgreSQL with one database an app, and the event store, for one installation. */
export interface DemoStores {
  databaseUrl(name: "portal" | "mitigator"): string;
  eventStore(): { url: string; user: string; password: string };
  stop(): Promise<void>;
}
