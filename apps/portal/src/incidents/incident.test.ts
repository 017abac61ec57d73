import {
  type ChainId,
  type CustomerId,
  type EndpointId,
  type IncidentId,
  newId,
  type ProductId,
  type RecordId,
  type ThreatId,
} from "@tms/records";
import { expect, test } from "vitest";
import { planGroups } from "./group-events.ts";
import { type Incident, type IncidentEvent, withEvent } from "./incident.ts";
import { tellIncident } from "./tell-incident.ts";

const NOW = new Date("2026-11-24T10:00:00Z");
const [PRODUCT, ENDPOINT, THREAT, CHAIN] = [
  newId<ProductId>(),
  newId<EndpointId>(),
  newId<ThreatId>(),
  newId<ChainId>(),
];

function incidentWith(change: Partial<Incident> = {}): Incident {
  return {
    id: newId<IncidentId>(),
    customer: newId<CustomerId>(),
    number: 1,
    product: PRODUCT,
    endpoint: ENDPOINT,
    host: "ws-1",
    title: "t",
    severity: "low",
    state: "new",
    stateSince: NOW,
    chains: [CHAIN],
    threats: [THREAT],
    firstEventAt: NOW,
    lastEventAt: NOW,
    events: 1,
    ...change,
  };
}

function eventWith(change: Partial<IncidentEvent> = {}): IncidentEvent {
  return {
    record: newId<RecordId>(),
    product: PRODUCT,
    endpoint: ENDPOINT,
    host: "ws-1",
    occurredAt: NOW,
    threatId: THREAT,
    threatName: "Marker",
    chain: CHAIN,
    severity: "high",
    status: "assessing",
    ...change,
  };
}

function planOf(known: readonly Incident[], events: readonly IncidentEvent[]) {
  const customer = known[0]?.customer ?? newId<CustomerId>();
  return planGroups({ customer, known, events }, { newId: () => newId<IncidentId>(), clock: { now: () => NOW } });
}

test("an event joins by threat or by chain, and only on its own product's endpoint", () => {
  const incident = incidentWith();
  const joins = (event: IncidentEvent) => planOf([incident], [event]).links[0]?.incident === incident.id;

  expect(joins(eventWith({ chain: null }))).toBe(true);
  expect(joins(eventWith({ threatId: newId<ThreatId>() }))).toBe(true);
  expect(joins(eventWith({ threatId: newId<ThreatId>(), chain: newId<ChainId>() }))).toBe(false);
  expect(joins(eventWith({ endpoint: newId<EndpointId>() }))).toBe(false);
  expect(joins(eventWith({ product: newId<ProductId>() }))).toBe(false);
});

test("events of one batch open one incident for each chain, and a chain known to another keeps it", () => {
  const [first, second] = [newId<ThreatId>(), newId<ThreatId>()];
  const events = [
    eventWith({ threatId: first }),
    eventWith({ threatId: second, chain: newId<ChainId>() }),
    eventWith({ threatId: first, chain: null }),
    eventWith({ threatId: newId<ThreatId>() }),
  ];

  const plan = planOf([], events);

  const [a, b] = plan.opened;
  expect(plan.opened).toHaveLength(2);
  expect(plan.links.map(({ incident }) => incident)).toEqual([a, b, a, a]);
  expect(plan.changed.find(({ id }) => id === a)).toMatchObject({ chains: [CHAIN] });
});

test("the worst severity stands and a full cleanup resolves", () => {
  const after = withEvent(incidentWith({ severity: "medium" }), eventWith({ status: "all-threats-resolved" }), NOW);

  expect(after).toMatchObject({ severity: "high", state: "resolved" });
});

test("an unresolved threat opens a resolved incident again, but not a false positive", () => {
  const event = eventWith({ status: "unresolved-threats-remain" });

  expect(withEvent(incidentWith({ state: "resolved" }), event, NOW).state).toBe("in-progress");
  expect(withEvent(incidentWith({ state: "false-positive" }), event, NOW).state).toBe("false-positive");
});

test("an incident is told with evidence for each claim, and says what was not observed", () => {
  const told = tellIncident(
    "ws-1",
    [
      {
        shortId: "E-1",
        kind: "assessment",
        status: "unresolved-threats-remain",
        occurredAt: "2026-11-24T09:00:00Z",
        body: {
          threatId: THREAT,
          threat: { name: "Marker", ruleId: "r", severity: "high", severityReason: "it runs" },
          status: "unresolved-threats-remain",
          source: "agent",
          host: "ws-1",
          parts: { processes: 1, files: 2, persistence: 1 },
        },
      },
    ],
    [
      {
        nodes: [
          { id: "n", kind: "not-observed", quality: "inferred", reason: "it is older than the record" },
          {
            id: "a",
            kind: "process",
            image: "/bin/fetch",
            pid: 7,
            quality: "observed",
            pathIndex: 0,
            rootCauseReason: "oldest",
          },
          { id: "b", kind: "file", path: "/srv/x", quality: "inferred", pathIndex: 1 },
        ],
        edges: [
          { from: "n", to: "a", kind: "started", quality: "inferred" },
          { from: "a", to: "b", kind: "wrote", quality: "inferred" },
        ],
        rootCause: "a",
        rootCauseReason: "oldest",
        path: ["a", "b"],
      },
    ],
    null,
  );

  expect(told.malicious.map((claim) => claim.text)).toEqual([
    "1 process, 2 files and 1 entry that starts it again belong to it.",
    "It began with fetch (pid 7), which wrote the file x (inferred). What started it was not observed: it is older than the record.",
  ]);
  expect(told.malicious[1]?.evidence).toContain("x, path: /srv/x");
  expect(told.recommended[0]?.text).toBe("Submit a case to the portal.");
});

test("an open case is waited for, never submitted twice", () => {
  const story = {
    shortId: "E-1",
    kind: "assessment" as const,
    status: "unresolved-threats-remain" as const,
    occurredAt: "2026-11-24T09:00:00Z",
    body: {
      threatId: THREAT,
      threat: { name: "Marker", ruleId: "r", severity: "high" as const, severityReason: "it runs" },
      status: "unresolved-threats-remain" as const,
      source: "agent" as const,
      host: "ws-1",
    },
  };

  const told = tellIncident("ws-1", [story], [], "C-7");

  expect(told.recommended.map(({ text }) => text)).toEqual(["Wait for the experts’ answer to C-7."]);
});
