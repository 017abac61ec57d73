import { AppError, type CustomerId, isUuid } from "@tms/records";
import { onlyPositional, readArguments } from "../shell/arguments.ts";
import type { Command } from "../shell/command.ts";
import { readSecret } from "../shell/files.ts";
import { readExpert } from "./expert-directory.ts";
import { holdKeyCeremony } from "./hold-key-ceremony.ts";
import { exportPortalKeys, importPortalKeys } from "./portal-keys.ts";
import { changeRecipients, listRecipients } from "./recipients.ts";

export const keysCustomer: Command = {
  name: "keys customer",
  schema: "tms.keys-customer/1",
  usage:
    "tms keys customer --out DIR --name NAME --regular RULES --passphrase-file F [--customer UUID] [--experts a,b,c] [--demo]",
  async run(argv, io) {
    const args = readArguments(argv, {
      out: { type: "string" },
      name: { type: "string" },
      regular: { type: "string" },
      "passphrase-file": { type: "string" },
      customer: { type: "string" },
      experts: { type: "string" },
      demo: { type: "boolean" },
    });
    const id = args.text("customer");
    if (id !== undefined && !isUuid(id)) throw new AppError("cli.usage", { customer: id });
    const result = await holdKeyCeremony({
      directory: args.need("out"),
      customer: { name: args.need("name"), ...(id === undefined ? {} : { id: id as CustomerId }) },
      experts: (args.text("experts") ?? "expert-1,expert-2").split(","),
      regularRules: args.need("regular"),
      passphrase: await readSecret(args.need("passphrase-file")),
      demo: args.has("demo"),
      now: io.now(),
    });
    io.say(`Keys of ${result.customer.name} made${args.has("demo") ? " (demo keys)" : ""}.`);
    io.say(`Keep ${result.offline} away from every network, on two media.`);
    for (const expert of result.experts) io.say(`Give ${expert.directory} to ${expert.name} alone.`);
    io.say(`Bring ${result.bundle} into the portal's console, under Customers.`);
    return { exit: 0, line: { schema: this.schema, ok: true, demo: args.has("demo"), ...result } };
  },
};

export const keysRecipients: Command = {
  name: "keys recipients",
  schema: "tms.keys-recipients/1",
  usage: "tms keys recipients --bundle FILE [--set age1…,age1… --keys DIR --keys DIR --passphrase-file F --out FILE]",
  async run(argv, io) {
    const args = readArguments(argv, {
      bundle: { type: "string" },
      set: { type: "string" },
      keys: { type: "string", multiple: true },
      "passphrase-file": { type: "string" },
      out: { type: "string" },
    });
    const bundle = args.need("bundle");
    const wanted = args.text("set");
    if (wanted === undefined) {
      return { exit: 0, line: { schema: this.schema, ok: true, ...(await listRecipients(bundle)) } };
    }
    const changed = await changeRecipients(bundle, {
      recipients: wanted.split(","),
      keyDirectories: args.list("keys"),
      passphrase: await readSecret(args.need("passphrase-file")),
      out: args.need("out"),
      now: io.now(),
    });
    io.say(`Version ${changed.version} of the recipients is signed by ${changed.signers.join(" and ")}.`);
    return { exit: 0, line: { schema: this.schema, ok: true, ...changed } };
  },
};

export const keysExport: Command = {
  name: "keys export",
  schema: "tms.keys-export/1",
  usage: "tms keys export --keys DIR | --portal FILE --out FILE --passphrase-file F",
  async run(argv, io) {
    const args = readArguments(argv, {
      keys: { type: "string" },
      portal: { type: "string" },
      out: { type: "string" },
      "passphrase-file": { type: "string" },
    });
    if (args.text("portal") !== undefined) {
      const passphrase = await readSecret(args.need("passphrase-file"));
      const move = { config: args.need("portal"), file: args.need("out"), passphrase };
      const done = await exportPortalKeys({ ...move, now: io.now() });
      io.say(`Whoever has ${done.out} and its passphrase can be this portal: keep them apart, and neither beside it.`);
      return { exit: 0, line: { schema: this.schema, ok: true, ...done } };
    }
    const { name, recipient, signingKey, demo } = await readExpert(args.need("keys"));
    return { exit: 0, line: { schema: this.schema, ok: true, name, recipient, signingKey, demo } };
  },
};

export const keysImport: Command = {
  name: "keys import",
  schema: "tms.keys-import/1",
  usage: "tms keys import FILE --portal FILE --passphrase-file F",
  async run(argv, io) {
    const args = readArguments(argv, { portal: { type: "string" }, "passphrase-file": { type: "string" } });
    const file = onlyPositional(args, "the exported file");
    const passphrase = await readSecret(args.need("passphrase-file"));
    const done = await importPortalKeys({ config: args.need("portal"), file, passphrase });
    if (!done.sameHost) {
      io.say(`The keys are of a portal at ${done.publicHost}: products look for it there, not at this publicHost.`);
    }
    if (done.onlineKeys.waiting > 0) io.say("There is no database yet. Restore it, then import once more.");
    return { exit: 0, line: { schema: this.schema, ok: true, ...done } };
  },
};
