import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { ClickHouseClient } from "@clickhouse/client";
import { batchAnswerSchema, LOGS_PATH } from "@tms/contracts/link";
import { Agent, request } from "undici";
import type { BenchPortal } from "../portal/bench-portal.ts";
import { contentInStore } from "./content-digest.ts";
import { indexAgain, type SentSample } from "./samples.ts";
import { STREAM, type Template } from "./template.ts";

export interface Control {
  name: string;
  expected: string;
  got: string;
}

const TABLE = "threat_events";

/**
 * What must come out as expected, or the verification would not notice anything. The controls spoil the sample's rows:
 * they run last.
 */
export async function runControls(portal: BenchPortal, template: Template, sent: SentSample): Promise<Control[]> {
  const { product } = sent.product.identity;
  const { events: client } = portal;
  const changed = await contentInStore(client, { table: TABLE, product, body: await oneByteMore(client, product) });
  const twice = await sendAgain(portal, sent);
  const afterTwice = await contentInStore(client, { table: TABLE, product });
  const repeated = await indexAgain(portal, sent);
  const afterRepeated = await contentInStore(client, { table: TABLE, product });
  await deleteOneRow(client, product);
  const deleted = await contentInStore(client, { table: TABLE, product });
  const complete = await portal.completenessOf(product);
  return [
    control("one body with one byte more: the digest", "differs", compared(changed.digest, template.digest)),
    control("the first batch sent twice: the portal's answer", "duplicate", twice),
    control("the first batch sent twice: distinct records", String(template.events), String(afterTwice.distinct)),
    control("1,000 records sent again in another epoch: counted as repeated", "1000", String(repeated)),
    control("… distinct records", String(template.events), String(afterRepeated.distinct)),
    control("… the digest", "equal", compared(afterRepeated.digest, template.digest)),
    control("one row deleted from the store: the digest", "differs", compared(deleted.digest, template.digest)),
    control("… distinct records by the portal", String(template.events - 1), String(complete.distinctIndexed)),
    control("… gaps by the portal", "1", String(complete.gaps)),
  ];
}

function control(name: string, expected: string, got: string): Control {
  return { name, expected, got };
}

function compared(one: string, other: string): string {
  return one === other ? "equal" : "differs";
}

async function anyId(client: ClickHouseClient, product: string): Promise<string> {
  const result = await client.query({
    query: `select toString(max(id)) as id from ${TABLE} where product = {product:String}`,
    query_params: { product },
    format: "JSONEachRow",
  });
  return (await result.json<{ id: string }>())[0]?.id ?? "";
}

async function oneByteMore(client: ClickHouseClient, product: string): Promise<string> {
  return `if(id = toUUID('${await anyId(client, product)}'), concat(body, ' '), body)`;
}

async function deleteOneRow(client: ClickHouseClient, product: string): Promise<void> {
  await client.command({
    query: `alter table ${TABLE} delete where product = {product:String} and id = {id:UUID}`,
    query_params: { product, id: await anyId(client, product) },
    clickhouse_settings: { mutations_sync: "2" },
  });
}

/** The same bytes once more, over SSL, as if their answer had been lost. */
async function sendAgain(portal: BenchPortal, { product, spool }: SentSample): Promise<string> {
  const epochs = join(spool, STREAM, "batches");
  const [epoch = ""] = await readdir(epochs);
  const [name = ""] = (await readdir(join(epochs, epoch))).sort();
  const bytes = await readFile(join(epochs, epoch, name));
  const { host, port } = portal.details.logServer.ssl;
  const agent = new Agent({
    connect: { ca: product.identity.caPem, cert: product.identity.certificatePem, key: product.keys.tlsPrivatePem },
  });
  try {
    const answer = await request(`https://${host}:${port}${LOGS_PATH}/${STREAM}`, {
      dispatcher: agent,
      method: "POST",
      headers: {
        "content-type": "application/vnd.tms.batch",
        "repr-digest": `sha-256=:${createHash("sha256").update(bytes).digest("base64")}:`,
      },
      body: bytes,
      signal: AbortSignal.timeout(30_000),
    });
    return batchAnswerSchema.parse(await answer.body.json()).outcome;
  } finally {
    await agent.destroy();
  }
}
