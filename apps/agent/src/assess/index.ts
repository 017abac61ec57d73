export { type AgentState, openAgentState, type Threat, type ThreatPart } from "./agent-state.ts";
export { type Assessor, createAssessor, type RecordSink } from "./assessor.ts";
export { chainRecords, derivedId, type EventDetails, type RecordContext, threatEvent } from "./threat-records.ts";
