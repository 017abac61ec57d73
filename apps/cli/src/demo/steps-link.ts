import type { CustomerId, ProductId } from "@tms/records";
import { readLogOns, rememberedPassword, rememberPassword } from "./log-ons.ts";
import { type LoopContext, need } from "./loop-context.ts";
import { StepFailed, until } from "./until.ts";

const YEAR_MS = 365 * 24 * 3_600_000;

/** Step 1: the customer, its experts, the connection details, and the settings page's Test Connection and Save. */
export async function register(context: LoopContext): Promise<void> {
  const { installation, ceremony } = context;
  const { directory, atPortal, atMitigator } = installation;
  const customer = ceremony.bundle.customer.id;
  const { customers } = await atPortal.listCustomers({});
  if (!customers.some(({ id }) => id === customer)) {
    const added = await atPortal.addCustomer({
      body: { keys: ceremony.bundle, validUntil: new Date(Date.now() + YEAR_MS).toISOString() },
    });
    await rememberPassword(directory, "registration", { userName: added.customer.userName, password: added.password });
    for (const { name } of ceremony.experts) {
      const userName = `expert.${name}`;
      await atPortal.addAccount({
        body: { userName, password: await rememberedPassword(directory, "portal", userName), role: "expert" },
      });
    }
  }
  context.found.customer = customer;
  const connection = await atMitigator.getPortalConnection({});
  if (connection.registration === null) await fillSettingsPage(context, customer);
  const product = await until("the registered product's first heartbeat", 20, async () => {
    const { rows } = await atPortal.listProducts({ query: { customer } });
    return rows.find(({ state }) => state === "online") ?? null;
  });
  context.found.product = product.id;
}

async function fillSettingsPage({ installation, protocol }: LoopContext, customer: CustomerId): Promise<void> {
  const { directory, atPortal, atMitigator } = installation;
  const details = await atPortal.connectionDetails({ params: { id: customer } });
  const values = (await atMitigator.readConnectionDetails({ body: details }))[protocol];
  const password = (await readLogOns(directory)).registration?.[details.userName];
  if (password === undefined)
    throw new StepFailed(
      "link.credentials_wrong",
      "The registration password is not in log-ons.json. Start with --fresh.",
    );
  const settings = {
    ...values,
    // The loop is watched: nobody waits a quarter of an hour for its logs.
    frequencyMinutes: 0 as const,
    uploadKbits: null,
    downloadKbits: null,
    password,
    email: "security@example.com",
    name: "north-office",
  };
  const started = await atMitigator.testPortalConnection({ body: settings });
  const test = await until("the connection test", 30, async () => {
    const current = await atMitigator.getConnectionTest({ params: { id: started.id } });
    return current.finishedAt === null ? null : current;
  });
  const failed = [...test.lanes.logServer, ...test.lanes.statusServer].find(({ state }) => state === "failed");
  if (test.testToken === null)
    throw new StepFailed(
      "settings.untested",
      `Test Connection failed at ${failed?.step}: ${failed?.code} ${failed?.cure}`,
    );
  await atMitigator.savePortalConnection({ body: { settings, testToken: test.testToken } });
}

/** Step 2: both agents enrol and their heartbeats, and the mitigator's, arrive. */
export async function heartbeat(context: LoopContext): Promise<void> {
  const { installation } = context;
  const since = Date.now();
  await installation.enrolAgents();
  await until("both agents' heartbeats", 20, async () => {
    const { rows } = await installation.atMitigator.listEndpoints({ query: {} });
    // Not by state: on data of a start that ended before its cleanup an endpoint is nonconforming, connected or not.
    const heard = rows.filter(
      ({ lastHeartbeatAt }) => lastHeartbeatAt !== null && Date.parse(lastHeartbeatAt) >= since,
    );
    return heard.length === 2 ? rows : null;
  });
  await until("the mitigator's heartbeat with both agents", 20, async () => {
    const product = await installation.atPortal.getProduct({ params: { id: need(context, "product") as ProductId } });
    return product.lastHeartbeatAt !== null && product.ready?.ok === true && product.agents === 2 ? product : null;
  });
}
