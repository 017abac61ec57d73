import { parentPort } from "node:worker_threads";
import { answerRequest } from "./answer-request.ts";
import type { RunnerReply, RunnerRequest } from "./runner-protocol.ts";
import { createWasmBackend } from "./wasm-backend.ts";

const backend = await createWasmBackend();
parentPort?.on("message", (request: RunnerRequest) => send(answerRequest(backend, request)));
send({ kind: "ready" });

function send(reply: RunnerReply): void {
  parentPort?.postMessage(reply);
}
