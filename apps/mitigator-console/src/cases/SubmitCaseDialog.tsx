import { Textarea } from "@mantine/core";
import { ConfirmDialog, ForeignText } from "@tms/console-kit";
import type { EventRow } from "@tms/contracts";
import { type ReactNode, useState } from "react";
import { api } from "../api.ts";
import { useWords } from "../words.ts";

/** Submit a Case: what is collected, what happens on the endpoint, and a note for the experts. */
export function SubmitCaseDialog(props: { opened: boolean; onClose(): void; event: EventRow }): ReactNode {
  const words = useWords();
  const [note, setNote] = useState("");
  const submit = api.useAct("submitCase", { onDone: props.onClose });
  return (
    <ConfirmDialog
      opened={props.opened}
      onClose={props.onClose}
      title={words("submit.title")}
      confirmLabel={words("submit.do")}
      onConfirm={() => submit.mutate({ body: { event: props.event.id, note } })}
      busy={submit.isPending}
      error={submit.error}
    >
      <p>
        {words.rich("submit.text", {
          threat: <ForeignText text={props.event.threatName} />,
          host: <ForeignText text={props.event.host} />,
        })}
      </p>
      <Textarea
        mt="md"
        label={words("submit.note")}
        description={words("submit.noteWhy")}
        rows={4}
        maxLength={4000}
        value={note}
        onChange={(event) => setNote(event.currentTarget.value)}
      />
    </ConfirmDialog>
  );
}
