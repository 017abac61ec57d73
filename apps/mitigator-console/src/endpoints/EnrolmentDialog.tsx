import { Button, Group, Modal, NumberInput } from "@mantine/core";
import { CopyButton, ProblemLine, TimeBoth } from "@tms/console-kit";
import { type ReactNode, useState } from "react";
import { api } from "../api.ts";
import { useWords } from "../words.ts";

/** Makes an enrolment token. It is shown once: what is not copied now is made anew. */
export function EnrolmentDialog(props: { opened: boolean; onClose(): void }): ReactNode {
  const words = useWords();
  return (
    <Modal opened={props.opened} onClose={props.onClose} title={words("enrol.title")} size="lg">
      {props.opened ? <EnrolmentBody onClose={props.onClose} /> : null}
    </Modal>
  );
}

function EnrolmentBody(props: { onClose(): void }): ReactNode {
  const words = useWords();
  const [uses, setUses] = useState(1);
  const [validHours, setValidHours] = useState(24);
  const make = api.useAct("makeEnrolmentToken");
  if (make.data !== undefined) {
    return (
      <div className="tms-stack">
        <p className="tms-prose">
          {words.rich("enrol.made", { time: <TimeBoth at={make.data.expiresAt} /> }, make.data.uses)}
        </p>
        <div className="tms-secret-once tms-mono">
          {make.data.token}
          <CopyButton text={make.data.token} what={words("enrol.token")} />
        </div>
        <Group justify="flex-end">
          <Button onClick={props.onClose}>{words("enrol.done")}</Button>
        </Group>
      </div>
    );
  }
  return (
    <form
      className="tms-stack"
      onSubmit={(event) => {
        event.preventDefault();
        make.mutate({ body: { uses, validHours } });
      }}
    >
      <p className="tms-prose">{words("enrol.why")}</p>
      <NumberInput
        label={words("enrol.uses")}
        min={1}
        max={100_000}
        value={uses}
        onChange={(value) => setUses(Number(value) || 1)}
      />
      <NumberInput
        label={words("enrol.hours")}
        min={1}
        max={720}
        value={validHours}
        onChange={(value) => setValidHours(Number(value) || 1)}
      />
      <ProblemLine error={make.error} />
      <Group justify="flex-end" gap="sm">
        <Button variant="default" onClick={props.onClose} data-autofocus>
          {words("cancel")}
        </Button>
        <Button type="submit" loading={make.isPending}>
          {words("enrol.do")}
        </Button>
      </Group>
    </form>
  );
}
