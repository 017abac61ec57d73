import type { AddressInfo } from "node:net";

// The child process that holds chDB, so that a native crash does not take the server with it. Its settings come as
// the first message (a password does not belong into arguments or environment); it ends when its parent does.

/** After this a stuck statement is cut by SIGKILL, which loses nothing that was acknowledged (notes/storage.md). */
const DRAIN_MS = 8_000;

interface Settings {
  directory: string;
  port: number;
  user: string;
  password: string;
}

process.once("message", (message) => {
  void run(message as Settings);
});
// Without a parent that ever speaks there is nothing to do.
process.once("disconnect", () => process.exit(0));

async function run(settings: Settings): Promise<void> {
  process.removeAllListeners("disconnect");
  // Whatever imports chDB comes late and here, so that its absence can be told.
  const modules = await Promise.all([import("./engine.ts"), import("./clickhouse-http.ts")]).catch((error: unknown) => {
    fail("start.package_missing", { package: "chdb", reason: String(error).split("\n")[0] });
    return null;
  });
  if (modules === null) return;
  const [{ openEngine }, { createClickHouseHttp }] = modules;
  try {
    const engine = openEngine(settings.directory);
    await engine.read("SELECT 1", { parameters: {}, format: "TabSeparated" });
    const server = createClickHouseHttp({ engine, user: settings.user, password: settings.password });
    const end = async () => {
      setTimeout(() => process.kill(process.pid, "SIGKILL"), DRAIN_MS).unref();
      server.close();
      server.closeIdleConnections();
      await engine.close();
      process.exit(0);
    };
    process.once("SIGTERM", () => void end());
    process.once("SIGINT", () => void end());
    process.once("disconnect", () => void end());
    server.once("error", (error) => {
      const inUse = "code" in error && error.code === "EADDRINUSE";
      fail(inUse ? "start.port_in_use" : "start.store_failed", { reason: error.message });
    });
    server.listen(settings.port, "127.0.0.1", () => {
      tell({ type: "ready", port: (server.address() as AddressInfo).port });
    });
  } catch (error) {
    fail("start.store_failed", { reason: String(error) });
  }
}

/** Ends only when the reason is on its way: an exit right after `send` loses it. */
function fail(code: string, details: { reason: string | undefined; package?: string }): void {
  if (!process.connected) process.exit(1);
  process.send?.({ type: "failed", code, ...details }, () => process.exit(1));
}

function tell(message: Record<string, unknown>): void {
  if (process.connected) process.send?.(message);
}
