import { Button, Group } from "@mantine/core";
import { CopyButton } from "@tms/console-kit";
import type { CustomerRow } from "@tms/contracts/portal";
import type { ReactNode } from "react";
import { paths } from "../paths.ts";
import { useWords } from "../words.ts";

/** The registration password, shown once. */
export function PasswordOnce(props: { customer: CustomerRow; password: string; onClose(): void }): ReactNode {
  const words = useWords();
  return (
    <div className="tms-stack">
      <p className="tms-prose">
        {words("passwordOnce.text", { name: props.customer.name, userName: props.customer.userName })}
      </p>
      <div className="tms-secret-once tms-mono">
        {props.password}
        <CopyButton text={props.password} what={words("passwordOnce.what")} />
      </div>
      <Group justify="flex-end" gap="sm">
        <Button
          variant="default"
          component="a"
          href={paths.connectionDetails(props.customer.id)}
          onClick={props.onClose}
        >
          {words("details.title")}
        </Button>
        <Button onClick={props.onClose}>{words("passwordOnce.done")}</Button>
      </Group>
    </div>
  );
}
