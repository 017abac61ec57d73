import type { CaseId, EndpointId, RecordId, ThreatId } from "@tms/records";
import type { CaseStore, CaseSubject } from "#app/cases/index.ts";
import type { DeploymentSubject } from "#app/patterns/index.ts";
import { isUnresolved, type ThreatLogStore, UNRESOLVED } from "#app/threat-log/index.ts";

/** What a case about an event is about: the event's threat as it stands now. */
export function createCaseSubjects(log: ThreatLogStore) {
  return async function caseSubjectOf(event: RecordId): Promise<CaseSubject | null> {
    const found = await log.get(event);
    if (found === null) return null;
    const { threatId } = found.event;
    const [standing, story] = await Promise.all([log.standing(threatId), log.story(threatId)]);
    if (standing === null) return null;
    return {
      threat: threatId,
      endpoint: standing.endpoint,
      host: standing.host,
      status: standing.status,
      unresolved: isUnresolved(standing.status),
      events: story.map(({ id }) => id),
    };
  };
}

/** What a deployment on an endpoint is about: the threat of the pattern's case, else the endpoint's open one. */
export function createDeploymentSubjects(deps: { log: ThreatLogStore; cases: Pick<CaseStore, "get"> }) {
  return async function deploymentSubjectOf(
    endpoint: EndpointId,
    caseId: CaseId | null,
  ): Promise<DeploymentSubject | null> {
    const of = caseId === null ? null : await deps.cases.get(caseId);
    const ours = of !== null && of.endpoint === endpoint;
    const threat = ours ? of.threat : (await deps.log.latestThreatOf(endpoint, UNRESOLVED))?.threat;
    return threat === undefined ? null : subjectOfThreat(deps.log, threat, ours ? of.id : undefined);
  };
}

async function subjectOfThreat(
  log: ThreatLogStore,
  threat: ThreatId,
  caseId: CaseId | undefined,
): Promise<DeploymentSubject | null> {
  const story = await log.story(threat);
  const bodies = (await Promise.all(story.map(({ id }) => log.get(id)))).flatMap((found) =>
    found === null ? [] : [found.body],
  );
  const last = bodies.at(-1);
  if (last === undefined) return null;
  return {
    threatId: threat,
    threat: last.threat,
    host: last.host,
    file: bodies.findLast((body) => body.file !== undefined)?.file,
    chain: bodies.findLast((body) => body.chain !== undefined)?.chain,
    case: caseId,
  };
}
