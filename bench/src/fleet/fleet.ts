import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { FleetOrder, FleetReport } from "./fleet-process.ts";

/** A process full of products. */
export interface Fleet {
  order(order: FleetOrder): Promise<FleetReport>;
  close(): Promise<void>;
}

export function startFleet(): Fleet {
  const child = fork(join(import.meta.dirname, "fleet-process.ts"), { stdio: ["ignore", "ignore", "pipe", "ipc"] });
  let said = "";
  child.stderr?.on("data", (part: Buffer) => {
    said = `${said}${part.toString("utf8")}`.slice(-400);
  });
  return {
    order: async (order) => {
      const ended = once(child, "exit").then(() => Promise.reject(new Error(`the fleet ended: ${said}`)));
      // Only the first of the two matters; the other one's end is of no interest any more.
      ended.catch(() => undefined);
      const answered = once(child, "message") as Promise<[{ report: FleetReport } | { error: string }]>;
      child.send(order);
      const [answer] = await Promise.race([answered, ended]);
      if ("error" in answer) throw new Error(`the fleet failed: ${answer.error}; ${said}`);
      return answer.report;
    },
    close: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, "exit");
      child.kill("SIGTERM");
      await gone;
    },
  };
}

/** The value below which `share` of the sorted values lie. */
export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
