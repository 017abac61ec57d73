import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { IncidentDetail } from "@tms/contracts/portal";
import type { CustomerId, EndpointId, PatternId, RecordId } from "@tms/records";
import { differencesAfterCleanup, differencesAfterUndo } from "./compare-endpoint.ts";
import { layExpertDesk } from "./expert-desk.ts";
import { type LoopContext, need } from "./loop-context.ts";
import { runTms } from "./run-tms.ts";
import { StepFailed, until } from "./until.ts";

/** Step 7: Submit a Case; the endpoint's package arrives whole. */
export async function submitCase(context: LoopContext): Promise<void> {
  const { atMitigator, atPortal } = context.installation;
  // A person whose console does not answer for a moment looks again before pressing the button.
  await until("the mitigator's console", 30, () => atMitigator.whoAmI({}));
  const submitted = await atMitigator.submitCase({
    body: { event: need(context, "event") as RecordId, note: "It starts itself again." },
  });
  context.found.case = submitted.id;
  await until("the forensic package at the portal", 60, async () => {
    const view = await atPortal.getCase({ params: { id: submitted.id } });
    return view.state === "new" && view.packages.some(({ state }) => state === "complete") ? view : null;
  });
}

/** Step 8: two experts at their own machines: export, draft, check, sign and sign again. */
export async function answer(context: LoopContext): Promise<void> {
  const { atPortal } = context.installation;
  const desk = await layExpertDesk(context);
  const exported = await runTms(desk.exportPackage);
  context.found.packagePath = String(exported.path);
  context.found.packageSha256 = String(exported.plainSha256);
  await runTms(desk.draft);
  await runTms(desk.check);
  const imported = await runTms(desk.importDraft);
  const pattern = String(imported.id);
  context.found.pattern = pattern;
  context.found.version = Number(imported.version);
  for (const args of desk.sign(pattern)) await runTms(args);
  const issued = await atPortal.getPattern({
    params: { id: need(context, "pattern") as PatternId, version: need(context, "version") },
  });
  if (issued.state !== "issued")
    throw new StepFailed("pattern.state_wrong", `After two signatures the pattern is ${issued.state}.`);
  const view = await atPortal.getCase({ params: { id: need(context, "case") } });
  const custody = view.packages.flatMap((item) => item.custody);
  if (!custody.some(({ action }) => action === "downloaded"))
    throw new StepFailed("package.unknown", "The custody log does not show the download.");
}

/** Step 9: only the infected agent gets the pattern, and asks for it once. */
export async function deploy(context: LoopContext): Promise<void> {
  const { atMitigator, atPortal } = context.installation;
  await until("the deployment", 90, async () => {
    const pattern = await atPortal.getPattern({
      params: { id: need(context, "pattern") as PatternId, version: need(context, "version") },
    });
    const deployment = pattern.deployments.find(({ endpoint }) => endpoint === need(context, "endpoint"));
    if (deployment?.state === "failed" || deployment?.state === "partially")
      throw new StepFailed("cleanup.limit_reached", JSON.stringify(deployment.steps));
    return deployment?.state === "succeeded" &&
      deployment.downloadedByMitigatorAt !== null &&
      deployment.appliedOnEndpointAt !== null
      ? deployment
      : null;
  });
  // Data that earlier starts left counts their patterns too.
  const earlier = need(context, "earlierRequests");
  const { rows } = await atMitigator.listEndpoints({ query: {} });
  const requests = (id: string) => (rows.find((row) => row.id === id)?.patternRequests ?? 0) - (earlier.get(id) ?? 0);
  const asked = requests(need(context, "endpoint"));
  if (asked !== 1)
    throw new StepFailed("pattern.endpoint_differs", `The infected endpoint asked ${asked} times for the pattern.`);
  if (requests(need(context, "otherEndpoint")) !== 0)
    throw new StepFailed("pattern.endpoint_differs", "The other endpoint asked for the pattern.");
}

/** Step 10: the threat is gone, and nothing else. */
export async function clean(context: LoopContext): Promise<void> {
  const { atMitigator } = context.installation;
  await until("the cleanup's event", 20, async () => {
    const { rows } = await atMitigator.listEvents({ query: { kind: "cleanup" } });
    return (
      rows.find(({ threatId, status }) => threatId === need(context, "threat") && status === "all-threats-resolved") ??
      null
    );
  });
  const differences = await differencesAfterCleanup(need(context, "planted"));
  if (differences.length > 0)
    throw new StepFailed("cleanup.still_present", `After the cleanup ${differences.join("; ")}.`);
}

/** Step 11: the incident and its report. */
export async function tell(context: LoopContext): Promise<void> {
  const { atPortal, directory } = context.installation;
  const customer = need(context, "customer") as CustomerId;
  const incident = await until("the incident with what was done", 20, async () => {
    const { rows } = await atPortal.listIncidents({ query: { customer } });
    // An earlier start's threat on this endpoint has an incident of its own: the one that tells of this event is meant.
    for (const row of rows.filter(({ endpoints }) => endpoints.some(({ id }) => id === need(context, "endpoint")))) {
      const detail = await atPortal.getIncident({ params: { id: row.id } });
      if (detail.story.some(({ id }) => id === need(context, "event"))) return isTold(detail) ? detail : null;
    }
    return null;
  });
  context.found.incident = incident.id;
  const out = join(directory, "out");
  context.found.html = join(out, "incident.html");
  context.found.pdf = join(out, "incident.pdf");
  const html = await atPortal.download(`/api/v1/incidents/${incident.id}/report.html`);
  const pdf = await atPortal.download(`/api/v1/incidents/${incident.id}/report.pdf`);
  if (!html.includes(incident.shortId))
    throw new StepFailed("report.failed", "The HTML report does not name the incident.");
  if (!pdf.subarray(0, 5).equals(Buffer.from("%PDF-")))
    throw new StepFailed("report.failed", "The PDF report is no PDF.");
  await writeFile(context.found.html, html);
  await writeFile(context.found.pdf, pdf);
}

function isTold({ done, malicious, recommended, chains }: IncidentDetail): boolean {
  return [done, malicious, recommended, chains].every(({ length }) => length > 0);
}

/** After the loop: the whole cleanup is undone and compared; `changed` counts the objects that the cleanup had changed. */
export async function undo(context: LoopContext): Promise<{ changed: number; identical: boolean }> {
  const { atMitigator } = context.installation;
  const planted = need(context, "planted");
  const before = await differencesAfterUndo(planted);
  const body = {
    pattern: need(context, "pattern") as PatternId,
    version: need(context, "version"),
    endpoint: need(context, "endpoint") as EndpointId,
  };
  await atMitigator.undoCleanup({ body });
  await until("the rollback's event", 20, async () => {
    const { rows } = await atMitigator.listEvents({ query: { kind: "rollback" } });
    return (
      rows.find(({ threatId, status }) => threatId === need(context, "threat") && status === "rollback-successful") ??
      null
    );
  });
  const differences = await differencesAfterUndo(planted);
  if (differences.length > 0) throw new StepFailed("undo.file_changed", `After the undo ${differences.join("; ")}.`);
  return { changed: before.length, identical: true };
}
