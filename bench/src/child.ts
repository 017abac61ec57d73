import { fork } from "node:child_process";
import { once } from "node:events";

/** A process that obeys one order after another and answers each with a report, or with an error as text. */
export interface Child<Order, Report> {
  order(order: Order): Promise<Report>;
  close(): Promise<void>;
}

export function startChild<Order extends object, Report>(file: string): Child<Order, Report> {
  const child = fork(file, { stdio: ["ignore", "ignore", "pipe", "ipc"] });
  let said = "";
  child.stderr?.on("data", (part: Buffer) => {
    said = `${said}${part.toString("utf8")}`.slice(-400);
  });
  return {
    order: async (order) => {
      const ended = new AbortController();
      try {
        const answered = once(child, "message", ended) as Promise<[{ report: Report } | { error: string }]>;
        const gone = once(child, "exit", ended).then(() => {
          throw new Error(`a process of the bench ended: ${said}`);
        });
        child.send(order);
        const [answer] = await Promise.race([answered, gone]);
        if ("error" in answer) throw new Error(`a process of the bench failed: ${answer.error}; ${said}`);
        // Only the first of the two matters; the other one's end is of no interest any more.
        gone.catch(() => undefined);
        return answer.report;
      } finally {
        ended.abort();
      }
    },
    close: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, "exit");
      child.kill("SIGTERM");
      await gone;
    },
  };
}
