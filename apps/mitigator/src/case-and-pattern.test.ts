import { createHash } from "node:crypto";
import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ApiError } from "@tms/contracts";
import type { Directive, PackageMetadata, SignedBytes } from "@tms/contracts/link";
import { AppError, type DirectiveId, newId, type Sha256, type ThreatEventRecord } from "@tms/records";
import { openSigned } from "@tms/signing";
import { FakePortal, makeThreatEvent } from "@tms/testkit";
import { describe, expect, onTestFinished, test } from "vitest";
import { makeManifest, serveRepository } from "#app/test-repository.contract.ts";
import {
  enrolAgent,
  makeDatabase,
  readToken,
  register,
  settingsFor,
  startTestSite,
  type TestAgent,
  until,
} from "#app/test-site.contract.ts";

describe("cases and patterns", () => {
  const PACKAGE = Buffer.from("age-encryption.org/v1 and the rest of a package");
  const sha256Of = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex") as Sha256;

  async function sendPackage(directive: Directive, agent: TestAgent, change: Partial<PackageMetadata> = {}) {
    const file = join(await mkdtemp(join(tmpdir(), "tms-package-")), "package.age");
    await writeFile(file, PACKAGE);
    const asked = directive.payload as Pick<PackageMetadata, "case" | "package">;
    await agent.link.request.uploadPackage({
      file,
      meta: {
        case: asked.case,
        package: asked.package,
        endpoint: agent.endpoint,
        sha256: sha256Of(PACKAGE),
        recipients: "age1one",
        ...change,
      },
    });
    return { id: directive.id, ok: true };
  }

  async function open() {
    const portal = await FakePortal.start();
    const repository = serveRepository(portal);
    const site = await startTestSite({ database: await makeDatabase() });
    await register(site, portal);
    const { token } = await site.api.makeEnrolmentToken({ body: { uses: 9, validHours: 1 } });
    const agents: TestAgent[] = [];
    const enrol = async (options: Parameters<typeof enrolAgent>[1] = {}) => {
      const agent = await enrolAgent(token, options);
      agents.push(agent);
      return agent;
    };
    onTestFinished(async () => {
      await Promise.all(agents.map((agent) => agent.stop()));
      await site.remove();
      await portal.close();
    });
    return {
      portal,
      repository,
      site,
      token,
      enrol,
      product: () => [...portal.products.keys()][0] ?? newId(),
    };
  }
  type World = Awaited<ReturnType<typeof open>>;

  async function infect(world: World, agent: TestAgent): Promise<ThreatEventRecord> {
    const made = makeThreatEvent({ kind: "assessment" });
    const event = { ...made, body: { ...made.body, status: "unresolved-threats-remain" as const } };
    await agent.spool.append("threat-events", [event]);
    await until(async () => (await world.site.api.listEvents({ query: { threat: event.body.threatId } })).total > 0);
    return event;
  }

  /** Without the hints that a changed repository brings. */
  const orders = (agent: TestAgent) => agent.directives.filter(({ kind }) => kind !== "look-for-patterns");

  const codeOf = (work: Promise<unknown>) =>
    work.then(
      () => "no error",
      (error: unknown) => (error instanceof AppError || error instanceof ApiError ? error.code : String(error)),
    );

  test("a case is put, its agent alone collects, and the package reaches the portal unchanged", async () => {
    const world = await open();
    const agent = await world.enrol({ onDirective: (directive, me) => sendPackage(directive, me()) });
    const other = await world.enrol({ host: "host-2" });
    const event = await infect(world, agent);

    const submitted = await world.site.api.submitCase({ body: { event: event.id, note: "please" } });
    await world.portal.until(() => world.portal.packages.length === 1);
    const again = await world.site.api.submitCase({ body: { event: event.id, note: "twice" } });
    const listed = await until(async () => {
      const [row] = (await world.site.api.listMitigatorCases({ query: {} })).rows;
      return row?.package !== null && row?.package?.sentBytes === PACKAGE.length && row.shortId !== null ? row : null;
    });

    const [sent] = world.portal.packages;
    expect(await readFile(sent?.file ?? "")).toEqual(PACKAGE);
    expect(sent?.meta).toMatchObject({ case: submitted.id, endpoint: agent.endpoint });
    expect(again.id).toBe(submitted.id);
    expect(listed).toMatchObject({ shortId: "C-1", state: "package-uploading", turn: "endpoint" });
    expect(orders(agent).map(({ kind }) => kind)).toEqual(["collect"]);
    expect(orders(other)).toEqual([]);
  });

  test("what the portal changes in a case is pulled at its hint, and whose turn it is follows", async () => {
    const world = await open();
    const agent = await world.enrol({ onDirective: (directive, me) => sendPackage(directive, me()) });
    const event = await infect(world, agent);
    const { id } = await world.site.api.submitCase({ body: { event: event.id, note: "" } });
    await world.portal.until(() => world.portal.packages.length === 1);
    const known = await until(async () => world.portal.cases.get(id));

    world.portal.cases.set(id, { ...known, state: "in-analysis", changeNumber: known.changeNumber + 100 });
    world.portal.order(world.product(), { ...hint(), kind: "case-changed" });
    const shown = await until(async () => {
      const [row] = (await world.site.api.listMitigatorCases({ query: {} })).rows;
      return row?.state === "in-analysis" ? row : null;
    });

    expect(shown.turn).toBe("portal");
    expect((await world.site.api.getEvent({ params: { id: event.id } })).case?.state).toBe("in-analysis");
  });

  test("with the portal away a case is kept, and put once the portal is back", async () => {
    const world = await open();
    const agent = await world.enrol({ onDirective: (directive, me) => sendPackage(directive, me()) });
    const event = await infect(world, agent);
    await world.portal.hangUp();

    const submitted = await world.site.api.submitCase({ body: { event: event.id, note: "" } });
    await until(async () => {
      const [row] = (await world.site.api.listMitigatorCases({ query: {} })).rows;
      return row?.package !== null && row?.state === "package-uploading";
    });
    const before = world.portal.cases.size;
    await world.portal.listen();
    await world.portal.until(() => world.portal.packages.length === 1);

    expect(before).toBe(0);
    expect([...world.portal.cases.keys()]).toEqual([submitted.id]);
  });

  test("a case needs a registration, sending, and an unresolved threat", async () => {
    const world = await open();
    const agent = await world.enrol();
    const clean = makeThreatEvent();
    const resolved = { ...clean, body: { ...clean.body, status: "all-threats-resolved" as const } };
    await agent.spool.append("threat-events", [resolved]);
    await until(async () => (await world.site.api.listEvents({ query: {} })).total > 0);
    const open_ = await infect(world, agent);
    const { password: _, ...kept } = settingsFor(world.portal);

    const nothing = await codeOf(world.site.api.submitCase({ body: { event: resolved.id, note: "" } }));
    const unknown = await codeOf(world.site.api.submitCase({ body: { event: newId(), note: "" } }));
    await world.site.api.savePortalConnection({ body: { settings: { ...kept, sending: false } } });
    const disabled = await codeOf(world.site.api.submitCase({ body: { event: open_.id, note: "" } }));
    await world.site.api.unregister({ body: { typedName: "Site" } });
    const unregistered = await codeOf(world.site.api.submitCase({ body: { event: open_.id, note: "" } }));

    expect({ nothing, unknown, disabled, unregistered }).toEqual({
      nothing: "case.nothing_unresolved",
      unknown: "event.unknown",
      disabled: "portal.sending_disabled",
      unregistered: "portal.not_registered",
    });
  });

  test("a package is refused from another agent, and for a case that nobody opened", async () => {
    const world = await open();
    const agent = await world.enrol();
    const thief = await world.enrol({ host: "host-2" });
    const event = await infect(world, agent);
    await world.site.api.submitCase({ body: { event: event.id, note: "" } });
    const order = await until(async () => orders(agent)[0]);

    const stolen = await codeOf(sendPackage(order, thief));
    const lying = await codeOf(sendPackage(order, thief, { endpoint: agent.endpoint }));
    const invented = await codeOf(sendPackage(order, agent, { case: newId() }));

    expect({ stolen, lying, invented }).toEqual({
      stolen: "case.unknown",
      lying: "case.unknown",
      invented: "case.unknown",
    });
    expect(world.portal.packages).toEqual([]);
  });

  test("a custom pattern goes, with the site's consent, to the infected endpoint alone", async () => {
    const world = await open();
    const agent = await world.enrol();
    const other = await world.enrol({ host: "host-2" });
    const event = await infect(world, agent);
    const manifest = makeManifest({ customer: world.portal.customer, endpoints: [agent.endpoint] });

    const { path, bytes } = world.repository.issue(manifest);
    world.portal.order(world.product(), hint());
    const order = await until(async () => orders(agent)[0]);
    const target = await agent.link.request.patternTarget(path);
    const denied = await codeOf(other.link.request.patternTarget(path));
    await agent.spool.append("threat-events", [resultOf(event, manifest)]);
    const done = await until(async () => {
      const [row] = (await world.site.api.listDeployments({ query: {} })).rows;
      return row?.state === "succeeded" ? row : null;
    });

    const consentKey = Buffer.from((readToken(world.token) as unknown as { consentKey: string }).consentKey, "base64");
    const consent = JSON.parse(openSigned(order.payload.consent as SignedBytes, consentKey).toString("utf8"));
    expect(order).toMatchObject({ kind: "apply-pattern", payload: { pattern: manifest.id, version: 1, target: path } });
    expect(consent).toMatchObject({
      customer: world.portal.customer,
      endpoints: [agent.endpoint],
      targetDigest: sha256Of(bytes),
      planDigest: world.repository.consentOf(path),
    });
    expect(target).toEqual(bytes);
    expect(denied).toBe("request.not_found");
    expect(orders(other)).toEqual([]);
    expect(done).toMatchObject({ undo: "possible", endpoint: agent.endpoint });
    const story = (await world.site.api.getEvent({ params: { id: event.id } })).story;
    expect(story.map(({ kind, status }) => `${kind} ${status}`)).toEqual([
      "assessment unresolved-threats-remain",
      "deployment queued",
      "deployment queued",
      "deployment queued",
      "cleanup all-threats-resolved",
    ]);
    const rows = (await world.site.api.listEndpoints({ query: {} })).rows;
    expect(rows.find(({ id }) => id === agent.endpoint)?.patternRequests).toBe(1);
  });

  test("by hand a pattern waits for the order; undo goes to the agent", async () => {
    const world = await open();
    await world.site.api.saveMitigationSettings({ body: { onThreat: "assess-and-clean", onPattern: "by-hand" } });
    const agent = await world.enrol();
    const event = await infect(world, agent);
    const manifest = makeManifest({ customer: world.portal.customer, endpoints: [agent.endpoint] });
    const key = { pattern: manifest.id, version: 1, endpoint: agent.endpoint };

    world.repository.issue(manifest);
    world.portal.order(world.product(), hint());
    await until(async () => (await world.site.api.listDeployments({ query: {} })).rows[0]?.state === "waits-for-order");
    const waiting = await world.site.api.home({});
    const early = orders(agent).length;
    const deployed = await world.site.api.deployPattern({ body: key });
    const twice = await codeOf(world.site.api.deployPattern({ body: key }));
    const tooEarly = await codeOf(world.site.api.undoCleanup({ body: key }));
    await agent.spool.append("threat-events", [resultOf(event, manifest)]);
    await until(async () => (await world.site.api.listDeployments({ query: {} })).rows[0]?.undo === "possible");
    await world.site.api.undoCleanup({ body: key });
    await until(async () => orders(agent).length === 2);

    expect(waiting).toMatchObject({ requireCustomCleanup: 1, tasks: [{ task: "custom-cleanup" }] });
    expect(early).toBe(0);
    expect(deployed.state).toBe("sent-to-agent");
    expect({ twice, tooEarly }).toEqual({ twice: "pattern.state_wrong", tooEarly: "pattern.state_wrong" });
    expect(orders(agent).map(({ kind }) => kind)).toEqual(["apply-pattern", "undo"]);
  });

  test("a pattern of another customer is refused and noted, and an order from the portal is no order", async () => {
    const world = await open();
    const agent = await world.enrol();
    await infect(world, agent);
    const foreign = makeManifest({ customer: newId(), endpoints: [agent.endpoint] });

    world.repository.issue(foreign);
    const order: Directive = { ...hint(), kind: "scan", payload: { paths: ["/etc"] } };
    world.portal.order(world.product(), order);
    world.portal.order(world.product(), hint());
    await until(async () =>
      (await world.site.api.mitigatorAudit({ query: {} })).rows.some(({ action }) => action === "pattern.refused"),
    );
    await world.portal.until(() => world.portal.outcomes.some(({ id }) => id === order.id));

    expect((await world.site.api.listDeployments({ query: {} })).total).toBe(0);
    expect(world.portal.outcomes.find(({ id }) => id === order.id)).toMatchObject({
      ok: false,
      code: "directive.not_allowed",
    });
    expect(orders(agent)).toEqual([]);
  });

  function hint(): Directive {
    const expiresAt = new Date(Date.now() + 3_600_000).toISOString();
    return { id: newId<DirectiveId>(), kind: "look-for-patterns", expiresAt, payload: {} };
  }

  function resultOf(event: ThreatEventRecord, manifest: { id: string; version: number }): ThreatEventRecord {
    return makeThreatEvent({
      kind: "cleanup",
      body: {
        ...event.body,
        status: "all-threats-resolved",
        pattern: { kind: "custom", id: manifest.id, version: manifest.version } as ThreatEventRecord["body"]["pattern"],
        deployment: { state: "succeeded", steps: [], undo: "possible" },
      },
    });
  }
});
