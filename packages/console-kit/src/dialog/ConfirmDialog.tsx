import { Button, Group, Modal, TextInput } from "@mantine/core";
import { type ReactNode, useState } from "react";
import { escapeForeignText } from "../text/escape-foreign.ts";
import { useKitWords } from "../words/kit-words.ts";
import { ProblemLine } from "./ProblemLine.tsx";

interface ConfirmDialogProps {
  opened: boolean;
  onClose(): void;
  /** Verb and object, no question. */
  title: string;
  /** Repeats verb and object. */
  confirmLabel: string;
  onConfirm(typedName: string): void;
  /** When set, the person types it before the button works. */
  typedName?: string;
  dangerous?: boolean;
  busy: boolean;
  error: Error | null;
  children: ReactNode;
}

/** A dangerous action says what it does, what stops and whether it can be undone; the first focus is Cancel. */
export function ConfirmDialog(props: ConfirmDialogProps): ReactNode {
  return (
    <Modal opened={props.opened} onClose={props.onClose} title={escapeForeignText(props.title)} size="md">
      {props.opened ? <ConfirmBody {...props} /> : null}
    </Modal>
  );
}

function ConfirmBody(props: ConfirmDialogProps): ReactNode {
  const words = useKitWords();
  const [typed, setTyped] = useState("");
  const [tried, setTried] = useState(false);
  const matches = props.typedName === undefined || typed === props.typedName;
  const confirm = () => {
    setTried(true);
    if (matches) props.onConfirm(typed);
  };
  return (
    <form
      className="tms-stack"
      onSubmit={(event) => {
        event.preventDefault();
        confirm();
      }}
    >
      <div className="tms-prose">{props.children}</div>
      {props.typedName === undefined ? null : (
        <TextInput
          label={words("confirm.typeName", { name: escapeForeignText(props.typedName) })}
          value={typed}
          onChange={(event) => setTyped(event.currentTarget.value)}
          error={tried && !matches ? words("confirm.nameDiffers") : null}
          autoComplete="off"
          spellCheck={false}
        />
      )}
      <ProblemLine error={props.error} />
      <Group justify="flex-end" gap="sm">
        <Button variant="default" onClick={props.onClose} data-autofocus>
          {words("confirm.cancel")}
        </Button>
        <Button type="submit" loading={props.busy} {...(props.dangerous ? { className: "tms-danger" } : {})}>
          {escapeForeignText(props.confirmLabel)}
        </Button>
      </Group>
    </form>
  );
}
