import { answerRequest } from "./answer-request.ts";
import { createNativeBackend } from "./native-backend.ts";
import type { RunnerReply, RunnerRequest } from "./runner-protocol.ts";

// The scanner child. It ends with its parent, and holds nothing that a SIGKILL could lose.

const backend = createNativeBackend();
process.on("disconnect", () => process.exit(0));
process.on("message", (request: RunnerRequest) => send(answerRequest(backend, request)));
send({ kind: "ready" });

function send(reply: RunnerReply): void {
  process.send?.(reply);
}
