import { fork } from "node:child_process";
import { Worker } from "node:worker_threads";
import type { RunnerReply, RunnerRequest } from "./runner-protocol.ts";

/** A place where a backend runs and from which it can be torn out at any moment. */
export interface Runner {
  send(request: RunnerRequest): void;
  /** Ends it at once, whatever it does. Resolves when it is gone. */
  kill(): Promise<void>;
}

export interface RunnerEvents {
  onReply(reply: RunnerReply): void;
  onExit(why: string): void;
}

/** Starts the native backend in a child process. */
export function startNativeRunner(events: RunnerEvents): Runner {
  const child = fork(new URL("./native-runner-main.ts", import.meta.url), [], {
    serialization: "advanced",
    stdio: ["ignore", "ignore", "inherit", "ipc"],
    // Nothing of the agent's environment reaches the process that parses hostile bytes.
    env: {},
    execArgv: [],
  });
  const gone = new Promise<void>((resolve) => {
    child.once("exit", (code, signal) => {
      events.onExit(`exit ${code ?? signal}`);
      resolve();
    });
    child.once("error", (error) => {
      events.onExit(error.message);
      resolve();
    });
  });
  child.on("message", (reply) => events.onReply(reply as RunnerReply));
  return {
    // A failed send means the child has ended: `exit` follows and answers the request.
    send: (request) => void child.send(request, () => undefined),
    kill: () => {
      child.kill("SIGKILL");
      return gone;
    },
  };
}

/** Starts the WebAssembly backend in a worker. */
export function startWasmRunner(events: RunnerEvents): Runner {
  const worker = new Worker(new URL("./wasm-runner.worker.ts", import.meta.url), {
    env: {},
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: 512 },
  });
  worker.on("message", (reply) => events.onReply(reply as RunnerReply));
  worker.once("error", (error) => events.onExit(String(error)));
  worker.once("exit", (code) => events.onExit(`exit ${code}`));
  return {
    send: (request) => worker.postMessage(request),
    kill: async () => {
      await worker.terminate();
    },
  };
}
