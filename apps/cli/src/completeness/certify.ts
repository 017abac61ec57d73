import { productIdSchema } from "@tms/contracts";
import { AppError } from "@tms/records";
import { openPortal, PORTAL_OPTIONS, PORTAL_USAGE } from "../portal/portal-client.ts";
import { onlyPositional, readArguments } from "../shell/arguments.ts";
import type { Command } from "../shell/command.ts";
import { writeNew } from "../shell/files.ts";

export const completenessCertify: Command = {
  name: "completeness",
  schema: "tms.completeness-file/1",
  usage: `tms completeness PRODUCT ${PORTAL_USAGE} --from TIME [--to TIME] --out FILE`,
  async run(argv, io) {
    const args = readArguments(argv, {
      ...PORTAL_OPTIONS,
      from: { type: "string" },
      to: { type: "string" },
      out: { type: "string" },
    });
    const id = productIdSchema.safeParse(onlyPositional(args, "PRODUCT"));
    if (!id.success) throw new AppError("cli.usage", { expected: "PRODUCT, the product's id" });
    const from = instantOf("from", args.need("from"));
    const to = instantOf("to", args.text("to") ?? io.now().toISOString());
    const out = args.need("out");
    const portal = await openPortal(args);
    try {
      const made = await portal.api.certifyCompleteness({ params: { id: id.data }, body: { from, to } });
      await writeNew(out, made.content);
      io.say(`Written. Judge it anywhere: tms verify ${out} --root ${made.caPin}`);
      const { head, caPin, sums } = made;
      return { exit: 0, line: { schema: this.schema, ok: true, path: out, head, caPin, ...sums } };
    } finally {
      await portal.close();
    }
  },
};

/** A date alone is its first moment in UTC. */
function instantOf(name: string, text: string): string {
  const at = new Date(text);
  if (Number.isNaN(at.getTime())) throw new AppError("cli.usage", { [name]: text });
  return at.toISOString();
}
