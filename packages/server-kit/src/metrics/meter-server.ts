import { X509Certificate } from "node:crypto";
import { statfs } from "node:fs/promises";
import type { Clock } from "@tms/records";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { KeptCertificate } from "../certificates/keep-certificate.ts";
import { type ConnectionCounts, CUT_REASONS } from "../http/connection-gate.ts";
import { CONNECTIONS } from "../http/create-http-server.ts";
import type { Metrics } from "./create-metrics.ts";

const ANSWERS = ["2xx", "3xx", "4xx", "5xx", "cut"] as const;
type AnswerClass = (typeof ANSWERS)[number];
const CERTIFICATES = ["own", "console"] as const;
const DAY_MS = 86_400_000;

/** What was counted outside of HTTP, at a listener of another kind. */
export interface OtherListener {
  counts(): ConnectionCounts;
  logOnsRefused(): number;
}

/** Meters listeners: their connections, answers and refused log-ons, by the listener's name. */
export function meterListeners<const Name extends string>(metrics: Metrics, names: readonly Name[]) {
  const connections = new Map<Name, () => ConnectionCounts>();
  const refusedElsewhere = new Map<Name, () => number>();
  const refusedHere = new Map<Name, number>();
  const of = <T>(what: (counts: ConnectionCounts) => T) =>
    [...connections].map(([listener, counts]) => ({ listener, value: what(counts()) }));
  const now = (name: string, help: string, what: (counts: ConnectionCounts) => number) =>
    metrics.read({ name, help, labels: { listener: names }, kind: "now" }, () =>
      of(what).map(({ listener, value }) => ({ labels: { listener }, value })),
    );
  now("tms_connections_open", "Open connections.", ({ open }) => open);
  now("tms_connections_unfinished", "Open connections that have not asked anything yet.", (one) => one.unfinished);
  metrics.read(
    {
      name: "tms_connections_cut_total",
      help: "Connections refused or cut by the gate, by reason.",
      labels: { listener: names, reason: CUT_REASONS },
      kind: "total",
    },
    () =>
      of(({ cut }) => cut).flatMap(({ listener, value }) =>
        CUT_REASONS.map((reason) => ({ labels: { listener, reason }, value: value[reason] })),
      ),
  );
  metrics.read(
    {
      name: "tms_log_ons_refused_total",
      help: "Log-ons and identities refused: by code 401, 403 or 429, or by SSH.",
      labels: { listener: names },
      kind: "total",
    },
    () =>
      [...connections.keys()].map((listener) => ({
        labels: { listener },
        value: (refusedHere.get(listener) ?? 0) + (refusedElsewhere.get(listener)?.() ?? 0),
      })),
  );
  const answers = metrics.counter({
    name: "tms_requests_total",
    help: "Requests by the class of their answer; cut is one that nobody waited for.",
    labels: { listener: names, answer: ANSWERS },
  });
  return {
    watch(listener: Name, app: FastifyInstance): void {
      connections.set(listener, () => app[CONNECTIONS].counts());
      onAnswered(app, (request, answer) => {
        answers({ listener, answer: classOf(answer) });
        if (isRefusedLogOn(request, answer)) refusedHere.set(listener, (refusedHere.get(listener) ?? 0) + 1);
      });
    },
    watchOther(listener: Name, other: OtherListener): void {
      connections.set(listener, other.counts);
      refusedElsewhere.set(listener, other.logOnsRefused);
    },
  };
}

/** Calls back once a request is over, with its status; null if the connection ended before its answer did. */
export function onAnswered(app: FastifyInstance, then: (request: FastifyRequest, answer: number | null) => void): void {
  app.addHook("onRequest", async (request, reply) => {
    reply.raw.once("close", () => then(request, reply.raw.writableFinished ? reply.raw.statusCode : null));
  });
}

/** Meters the certificates in force, and the disk that the data directory lies on. */
export function meterMachine(
  metrics: Metrics,
  {
    certificates,
    dataDir,
    clock,
  }: { certificates: Record<"own" | "console", KeptCertificate>; dataDir: string; clock: Clock },
): void {
  metrics.read(
    {
      name: "tms_certificate_days_left",
      help: "Days until the certificate in force ends.",
      labels: { certificate: CERTIFICATES },
      kind: "now",
    },
    () =>
      CERTIFICATES.map((certificate) => {
        const endsAt = new X509Certificate(certificates[certificate].pem().certPem).validToDate.getTime();
        return { labels: { certificate }, value: (endsAt - clock.now().getTime()) / DAY_MS };
      }),
  );
  metrics.read(
    {
      name: "tms_disk_free_ratio",
      help: "Free share of the disk that the data directory lies on, as far as the server may use it.",
      labels: {},
      kind: "now",
    },
    async () => {
      const { bavail, blocks } = await statfs(dataDir);
      return [{ labels: {}, value: bavail / blocks }];
    },
  );
}

function classOf(answer: number | null): AnswerClass {
  if (answer === null) return "cut";
  if (answer >= 500) return "5xx";
  if (answer >= 400) return "4xx";
  return answer >= 300 ? "3xx" : "2xx";
}

/** Of who is nobody yet, or says who it is by its key: a console's page that asks who it is has not tried anything. */
function isRefusedLogOn({ method, routeOptions }: FastifyRequest, answer: number | null): boolean {
  if (answer !== 401 && answer !== 403 && answer !== 429) return false;
  const { identity } = routeOptions.config;
  return identity?.kind === "product" || (identity?.kind === "public" && method === "POST");
}
