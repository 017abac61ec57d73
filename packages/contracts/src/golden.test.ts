import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { zstdDecompressSync } from "node:zlib";
import { expect, test } from "vitest";
import type { z } from "zod";
import {
  applyPatternOrderSchema,
  auditRecordSchema,
  batchAnswerSchema,
  batchHeaderSchema,
  casePutSchema,
  caseViewSchema,
  collectOrderSchema,
  connectionDetailsSchema,
  consentSchema,
  enrolmentTokenSchema,
  heartbeatAnswerSchema,
  heartbeatRequestSchema,
  linkUnregister,
  packageManifestSchema,
  packageMetadataSchema,
  positionSchema,
  registerAnswerSchema,
  registerRequestSchema,
  renewAnswerSchema,
  renewRequestSchema,
  rootCauseRecordSchema,
  scanOrderSchema,
  signedBytesSchema,
  testAnswerSchema,
  testRequestSchema,
  threatEventRecordSchema,
  undoOrderSchema,
} from "./link/index.ts";
import { problemSchema } from "./problem.ts";

const FOLDER = new URL("../golden/v1/", import.meta.url);

const SCHEMAS: Record<string, z.ZodType | undefined> = {
  "batch-answer-accepted": batchAnswerSchema,
  "batch-answer-gap": batchAnswerSchema,
  "batch-header": batchHeaderSchema,
  "case-put": casePutSchema,
  "case-view": caseViewSchema,
  "connection-details": connectionDetailsSchema,
  consent: consentSchema,
  "enrolment-token": enrolmentTokenSchema,
  "gap-batch-header": batchHeaderSchema,
  "heartbeat-answer": heartbeatAnswerSchema,
  "heartbeat-request": heartbeatRequestSchema,
  "order-apply-pattern": applyPatternOrderSchema,
  "order-collect": collectOrderSchema,
  "order-scan": scanOrderSchema,
  "order-undo": undoOrderSchema,
  "package-manifest": packageManifestSchema,
  "package-metadata": packageMetadataSchema,
  position: positionSchema,
  problem: problemSchema,
  "record-audit": auditRecordSchema,
  "record-root-cause-edge": rootCauseRecordSchema,
  "record-root-cause-node": rootCauseRecordSchema,
  "record-threat-event": threatEventRecordSchema,
  "register-answer": registerAnswerSchema,
  "register-request": registerRequestSchema,
  "renew-answer": renewAnswerSchema,
  "renew-request": renewRequestSchema,
  "signed-bytes": signedBytesSchema,
  "test-answer": testAnswerSchema,
  "test-request": testRequestSchema,
  "unregister-request": linkUnregister.body,
};

const read = (name: string): unknown => JSON.parse(readFileSync(new URL(`${name}.json`, FOLDER), "utf8"));

test("every golden message has a schema, and every schema its message", () => {
  const names = readdirSync(FOLDER).map((file) => file.replace(/\.json$/, ""));

  expect(names.filter((name) => name !== "batch").sort()).toEqual(Object.keys(SCHEMAS).sort());
});

test.each(Object.keys(SCHEMAS))("still reads %s, and loses nothing of it", (name) => {
  const message = read(name);

  expect(SCHEMAS[name]?.parse(message)).toEqual(message);
});

test("still reads the batch: its digest, its header line and its one frame", () => {
  const { digest, hex, line } = read("batch") as { digest: string; hex: string; line: string };
  const bytes = Buffer.from(hex, "hex");
  const newline = bytes.indexOf(10);

  const header = batchHeaderSchema.parse(JSON.parse(bytes.subarray(0, newline).toString()));
  const body = zstdDecompressSync(bytes.subarray(newline + 1)).toString();

  expect(createHash("sha256").update(bytes).digest("hex")).toBe(digest);
  expect(header).toMatchObject({ count: 1, first: 0, previous: null, plainBytes: body.length });
  expect(body).toBe(`${line}\n`);
});
