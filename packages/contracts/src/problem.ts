import { z } from "zod";

/** RFC 9457 problem+json with our stable code and the cure for a person. */
export const problemSchema = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  code: z.string(),
  cure: z.string(),
  requestId: z.string(),
  /** Seconds until it may be tried again; over HTTPS the header `Retry-After` says the same. */
  retryAfter: z.int().min(0).optional(),
  /** Field errors of a malformed request. */
  fields: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
});
export type Problem = z.infer<typeof problemSchema>;
