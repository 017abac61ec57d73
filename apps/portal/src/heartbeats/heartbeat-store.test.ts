import { fileURLToPath } from "node:url";
import { createTestDatabase, type TestDatabase } from "@tms/testkit";
import { afterAll, beforeAll } from "vitest";
import { registeredProduct } from "../registered-product.contract.ts";
import { heartbeatStoreContract } from "./heartbeat-store.contract.ts";
import { createHeartbeatStore } from "./heartbeat-store.ts";

const MIGRATIONS = [fileURLToPath(new URL("../../migrations", import.meta.url))];
let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase({ migrations: MIGRATIONS });
});
afterAll(() => database.drop());

heartbeatStoreContract(async () => ({
  store: createHeartbeatStore(database.databases),
  newProduct: () => registeredProduct(database),
}));
