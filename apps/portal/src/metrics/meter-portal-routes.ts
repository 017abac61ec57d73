import { BATCH_OUTCOMES, linkHeartbeat } from "@tms/contracts/link";
import type { BatchIntake, IntakeStore, SshLogServer } from "@tms/link/upper";
import { type ProviderScope, STREAMS } from "@tms/records";
import { type ConnectionCounts, type Metrics, meterListeners, onAnswered } from "@tms/server-kit";
import type { FastifyInstance } from "fastify";
import type { EventIndexStore } from "#app/event-index/index.ts";
import type { LogIntakeStore } from "#app/log-intake/index.ts";

// The portal's own figures; docs/reference/metrics.md lists them all. Labels are closed sets: no customer, no product.

const LISTENERS = ["console", "status-server", "log-server", "log-server-ssh"] as const;

export type PortalMeter = ReturnType<typeof meterPortal>;

/** Makes the portal's metrics; `watch…` and `store`, `intake` put them where things happen. */
export function meterPortal(
  metrics: Metrics,
  deps: {
    intake: Pick<LogIntakeStore, "beyond">;
    index: Pick<EventIndexStore, "indexedTo">;
    scope: ProviderScope;
  },
) {
  const listeners = meterListeners(metrics, LISTENERS);
  const heartbeats = metrics.counter({
    name: "tms_heartbeats_total",
    help: "Heartbeats of products, answered or refused.",
    labels: { outcome: ["answered", "refused"] },
  });
  const uploads = meterUploads(metrics);
  meterBacklog(metrics, deps);
  return {
    watchConsole: (app: FastifyInstance) => listeners.watch("console", app),
    watchLogServer: (app: FastifyInstance) => listeners.watch("log-server", app),
    watchSsh: (ssh: SshLogServer) =>
      listeners.watchOther("log-server-ssh", {
        counts: () => connectionsOf(ssh),
        logOnsRefused: () => ssh.counts().logOnsRefused,
      }),
    watchStatusServer(app: FastifyInstance): void {
      listeners.watch("status-server", app);
      uploads(app);
      onAnswered(app, ({ routeOptions }, answer) => {
        if (routeOptions.url !== linkHeartbeat.path || answer === null) return;
        heartbeats({ outcome: answer < 400 ? "answered" : "refused" });
      });
    },
    ...meterBatches(metrics),
  };
}

function meterUploads(metrics: Metrics): (app: FastifyInstance) => void {
  let underWay = 0;
  metrics.read(
    { name: "tms_uploads_open", help: "Pieces of forensic packages that are arriving.", labels: {}, kind: "now" },
    () => [{ labels: {}, value: underWay }],
  );
  return (app) =>
    app.addHook("onRequest", async ({ method }, reply) => {
      if (method !== "PATCH") return;
      underWay += 1;
      reply.raw.once("close", () => {
        underWay -= 1;
      });
    });
}

function meterBatches(metrics: Metrics) {
  const batches = metrics.counter({
    name: "tms_batches_total",
    help: "Batches by stream and by what the portal decided.",
    labels: { stream: STREAMS, outcome: BATCH_OUTCOMES },
  });
  const perStream = { stream: STREAMS };
  const bytes = metrics.counter({
    name: "tms_batch_bytes_total",
    help: "Bytes of accepted batches, as sent.",
    labels: perStream,
  });
  const records = metrics.counter({
    name: "tms_batch_records_total",
    help: "Record numbers of accepted batches, gaps included.",
    labels: perStream,
  });
  return {
    /** Counts what was accepted once it is committed, and not before. */
    store: (store: IntakeStore): IntakeStore => ({
      async locked(peer, stream, work) {
        const accepted: { bytes: number; count: number }[] = [];
        const result = await store.locked(peer, stream, (tx) =>
          work({
            ...tx,
            async accept(batch, position) {
              await tx.accept(batch, position);
              accepted.push({ bytes: batch.bytes, count: batch.header.count });
            },
          }),
        );
        for (const one of accepted) {
          bytes({ stream }, one.bytes);
          records({ stream }, one.count);
        }
        return result;
      },
    }),
    intake: (intake: BatchIntake): BatchIntake => ({
      incoming: intake.incoming,
      async receive(peer, stated, body) {
        const answer = await intake.receive(peer, stated, body);
        batches({ stream: stated.stream, outcome: answer.outcome });
        return answer;
      },
    }),
  };
}

function meterBacklog(metrics: Metrics, { intake, index, scope }: Parameters<typeof meterPortal>[1]): void {
  const figure = (name: string, help: string, of: "batches" | "records") =>
    metrics.read({ name, help, labels: { stream: STREAMS }, kind: "now" }, async () => {
      const waiting = await intake.beyond(scope, await index.indexedTo(scope));
      return STREAMS.map((stream) => ({ labels: { stream }, value: waiting.get(stream)?.[of] ?? 0 }));
    });
  figure("tms_index_backlog_batches", "Accepted batches that are not indexed yet.", "batches");
  figure("tms_index_backlog_records", "Record numbers of accepted batches that are not indexed yet.", "records");
}

function connectionsOf(ssh: SshLogServer): ConnectionCounts {
  const { open, unauthenticated, allTaken, addressTaken, notInTime } = ssh.counts();
  return {
    open,
    unfinished: unauthenticated,
    cut: {
      "all-taken": allTaken,
      "address-taken": addressTaken,
      "gave-way": 0,
      "no-request": notInTime,
      "slow-body": 0,
    },
  };
}
