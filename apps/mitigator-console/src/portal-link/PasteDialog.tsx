import { Button, Group, Modal, Textarea } from "@mantine/core";
import { ProblemLine } from "@tms/console-kit";
import type { ReadDetails } from "@tms/contracts/mitigator";
import { type ReactNode, useState } from "react";
import { api } from "../api.ts";
import { useWords } from "../words.ts";

function useDetailsReader(onDone?: (details: ReadDetails) => void) {
  return api.useAct("readConnectionDetails", onDone === undefined ? {} : { onDone });
}

/** Fills the form from the JSON that the provider handed over; the server judges whether it is sound. */
export function PasteDialog(props: {
  opened: boolean;
  onClose(): void;
  onDetails(details: ReadDetails): void;
}): ReactNode {
  const words = useWords();
  return (
    <Modal opened={props.opened} onClose={props.onClose} title={words("paste.title")} size="lg">
      {props.opened ? <PasteBody {...props} /> : null}
    </Modal>
  );
}

function PasteBody(props: { onClose(): void; onDetails(details: ReadDetails): void }): ReactNode {
  const words = useWords();
  const [text, setText] = useState("");
  const [notJson, setNotJson] = useState(false);
  const reader = useDetailsReader((details) => {
    props.onDetails(details);
    props.onClose();
  });
  const fill = () => {
    const parsed = parseJson(text);
    setNotJson(parsed === null);
    // The route's schema judges the shape; what is no JSON at all never leaves the browser.
    if (parsed !== null) reader.mutate({ body: parsed as never });
  };
  return (
    <form
      className="tms-stack"
      onSubmit={(event) => {
        event.preventDefault();
        fill();
      }}
    >
      <p className="tms-prose">{words("paste.why")}</p>
      <Textarea
        label={words("paste.label")}
        rows={10}
        value={text}
        spellCheck={false}
        onChange={(event) => setText(event.currentTarget.value)}
        error={notJson ? words("paste.notJson") : null}
        styles={{ input: { fontFamily: "var(--mantine-font-family-monospace)", fontSize: 12 } }}
        data-autofocus
      />
      <ProblemLine error={reader.error} />
      <Group justify="flex-end" gap="sm">
        <Button variant="default" onClick={props.onClose}>
          {words("cancel")}
        </Button>
        <Button type="submit" loading={reader.isPending}>
          {words("paste.fill")}
        </Button>
      </Group>
    </form>
  );
}

function parseJson(text: string): unknown {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === "object" ? parsed : null;
  } catch {
    // Not JSON is an expected outcome here: the field says so.
    return null;
  }
}
