import { Button, FileButton, Group, Modal, Textarea, TextInput } from "@mantine/core";
import { ProblemLine } from "@tms/console-kit";
import { customerKeysSchema } from "@tms/contracts/portal";
import { type ReactNode, useState } from "react";
import { api } from "../api.ts";
import { useWords } from "../words.ts";
import { PasswordOnce } from "./PasswordOnce.tsx";

/** Adds a customer from `customer.public.json`, the bundle that `tms keys customer` wrote; it holds no offline key. */
export function AddCustomerDialog(props: { opened: boolean; onClose(): void }): ReactNode {
  const words = useWords();
  return (
    <Modal opened={props.opened} onClose={props.onClose} title={words("addCustomer.title")} size="lg">
      {props.opened ? <AddCustomerBody onClose={props.onClose} /> : null}
    </Modal>
  );
}

interface Draft {
  bundle: string;
  validUntil: string;
  email: string;
}

/** What the draft says, or which of its fields cannot be read. */
function readDraft(draft: Draft) {
  const keys = customerKeysSchema.safeParse(parseJson(draft.bundle));
  const until = new Date(`${draft.validUntil}T23:59:59Z`);
  const emailWrong = draft.email !== "" && !/^[^\s@<>,;"]+@[^\s@<>,;"]+$/.test(draft.email);
  return {
    keys: keys.success ? keys.data : null,
    validUntil: Number.isNaN(until.getTime()) ? null : until.toISOString(),
    emailWrong,
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not JSON is an expected outcome here: the field says so.
    return null;
  }
}

function AddCustomerBody(props: { onClose(): void }): ReactNode {
  const words = useWords();
  const [draft, setDraft] = useState<Draft>({ bundle: "", validUntil: "", email: "" });
  const [tried, setTried] = useState(false);
  const add = api.useAct("addCustomer");
  const read = readDraft(draft);
  if (add.data !== undefined)
    return <PasswordOnce customer={add.data.customer} password={add.data.password} onClose={props.onClose} />;
  const submit = () => {
    setTried(true);
    if (read.keys === null || read.validUntil === null || read.emailWrong) return;
    const contact = draft.email === "" ? {} : { contactEmail: draft.email };
    add.mutate({ body: { keys: read.keys, validUntil: read.validUntil, ...contact } });
  };
  return (
    <form
      className="tms-stack"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <p className="tms-prose">{words("addCustomer.why")}</p>
      <FileButton
        accept="application/json,.json"
        onChange={(file) => readFile(file, (bundle) => setDraft((now) => ({ ...now, bundle })))}
      >
        {(button) => (
          <Button variant="default" {...button} style={{ alignSelf: "flex-start" }}>
            {words("addCustomer.file")}
          </Button>
        )}
      </FileButton>
      <Textarea
        label={words("addCustomer.bundle")}
        rows={7}
        spellCheck={false}
        value={draft.bundle}
        onChange={(event) => setDraft({ ...draft, bundle: event.currentTarget.value })}
        error={tried && read.keys === null ? words("addCustomer.bundleWrong") : null}
        description={read.keys === null ? null : words("addCustomer.found", { name: read.keys.customer.name })}
        styles={{ input: { fontFamily: "var(--mantine-font-family-monospace)", fontSize: 12 } }}
      />
      <TextInput
        type="date"
        label={words("addCustomer.validUntil")}
        value={draft.validUntil}
        onChange={(event) => setDraft({ ...draft, validUntil: event.currentTarget.value })}
        error={tried && read.validUntil === null ? words("addCustomer.dateWrong") : null}
      />
      <TextInput
        type="email"
        label={words("addCustomer.email")}
        description={words("addCustomer.emailWhy")}
        value={draft.email}
        onChange={(event) => setDraft({ ...draft, email: event.currentTarget.value })}
        error={tried && read.emailWrong ? words("addCustomer.emailWrong") : null}
      />
      <ProblemLine error={add.error} />
      <Group justify="flex-end" gap="sm">
        <Button variant="default" onClick={props.onClose} data-autofocus>
          {words("cancel")}
        </Button>
        <Button type="submit" loading={add.isPending}>
          {words("addCustomer.do")}
        </Button>
      </Group>
    </form>
  );
}

function readFile(file: File | null, onText: (text: string) => void): void {
  if (file === null) return;
  file.text().then(onText, () => {
    // A file that cannot be read leaves the field empty, and submitting says so.
    onText("");
  });
}
