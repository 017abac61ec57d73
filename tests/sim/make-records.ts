import type { EndpointId, LinkRecord, RecordId, Stream } from "@tms/records";
import type { Random } from "./random.ts";

/** A record of the stream; a damaged one does not have its kind's form, as from a sender with a fault. */
export function makeRecord(random: Random, of: { stream: Stream; occurredAt: Date; isDamaged: boolean }): LinkRecord {
  const envelope = {
    id: random.uuid<RecordId>(),
    endpoint: random.uuid<EndpointId>(),
    occurredAt: of.occurredAt.toISOString(),
  };
  if (of.isDamaged) return { ...envelope, kind: "no-such-kind", body: { rubbish: random.bytes(8).toString("hex") } };
  if (of.stream === "root-cause") {
    const node = { id: `p-${random.between(1, 9999)}`, kind: "process", quality: "observed" };
    return { ...envelope, kind: "node", body: { chain: random.uuid(), threatId: random.uuid(), node } };
  }
  return {
    ...envelope,
    kind: "detection",
    body: {
      threatId: random.uuid(),
      threat: {
        name: "Marker file",
        ruleId: "RP-regular.marker",
        severity: "high",
        severityReason: "the rule says so",
      },
      status: "assessing",
      source: "agent",
      host: `host-${random.between(1, 50)}`,
    },
  };
}
