import { productRoutes } from "@tms/contracts/portal";
import type { Clock, CustomerId, ProductId, Sha256 } from "@tms/records";
import { type Audit, implement } from "@tms/server-kit";
import type { FastifyInstance } from "fastify";
import type { CertificateRequest, CompletenessFile } from "./certify-completeness.ts";

export interface CompletenessRouteDeps {
  /** @throws {AppError} `product.unknown` */
  locate(id: ProductId): Promise<{ customer: { id: CustomerId; name: string }; name: string }>;
  certify(request: CertificateRequest): Promise<CompletenessFile>;
  /** Of the CA that certifies now: it may roll over. */
  caPin(): Sha256;
  audit: Audit;
  clock: Clock;
}

export function registerCompletenessRoutes(app: FastifyInstance, deps: CompletenessRouteDeps): void {
  implement(app, productRoutes.certifyCompleteness, async ({ params, body, session }) => {
    const { customer, name } = await deps.locate(params.id);
    const [from, to] = [new Date(body.from), earlier(new Date(body.to), deps.clock.now())];
    const file = await deps.certify({ customer, product: { id: params.id, name }, period: { from, to } });
    await deps.audit.write({
      actor: session.userName,
      action: "product.completeness-certified",
      subject: params.id,
      detail: { name, from: from.toISOString(), to: to.toISOString(), head: file.head },
      customer: customer.id,
    });
    const days = [from, to].map((at) => at.toISOString().slice(0, 10)).join("-");
    const fileName = `completeness-${params.id}-${days}.jsonl`;
    return { fileName, content: file.content, head: file.head ?? "", caPin: deps.caPin(), sums: file.sums };
  });
}

/** A period cannot be certified beyond now. */
function earlier(one: Date, other: Date): Date {
  return one < other ? one : other;
}
