import { Button, Group, Modal, TextInput } from "@mantine/core";
import { CommandLine, Copyable, countText, Pairs, ProblemLine, useClock } from "@tms/console-kit";
import type { ProductView } from "@tms/contracts/portal";
import { type ReactNode, useState } from "react";
import { api } from "../api.ts";
import { useWords } from "../words.ts";

const DAY_MS = 86_400_000;
const DEFAULT_DAYS = 30;

/** Asks for a period, hands over the signed file, and says how anybody judges it without this portal. */
export function CertifyDialog(props: { product: ProductView; opened: boolean; onClose(): void }): ReactNode {
  const words = useWords();
  return (
    <Modal opened={props.opened} onClose={props.onClose} title={words("certify.title")} size="lg">
      {props.opened ? <CertifyBody product={props.product} onClose={props.onClose} /> : null}
    </Modal>
  );
}

function CertifyBody(props: { product: ProductView; onClose(): void }): ReactNode {
  const words = useWords();
  const { now } = useClock();
  const { id, registeredAt } = props.product;
  const [days, setDays] = useState(() => {
    const earliest = new Date(Math.max(now.getTime() - DEFAULT_DAYS * DAY_MS, new Date(registeredAt).getTime()));
    return { from: dayOf(earliest), to: dayOf(now) };
  });
  const certify = api.useAct("certifyCompleteness", { onDone: ({ fileName, content }) => download(fileName, content) });
  const period = periodOf(days);
  if (certify.data !== undefined) return <Made made={certify.data} onClose={props.onClose} />;
  return (
    <form
      className="tms-stack"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        if (period !== null) certify.mutate({ params: { id }, body: period });
      }}
    >
      <p className="tms-prose">{words("certify.why")}</p>
      <Group gap="md" align="flex-start">
        <TextInput
          type="date"
          label={words("certify.from")}
          description={words("certify.fromTime")}
          value={days.from}
          onChange={(event) => setDays({ ...days, from: event.currentTarget.value })}
          error={period === null ? words("certify.wrong") : null}
        />
        <TextInput
          type="date"
          label={words("certify.to")}
          description={words("certify.toTime")}
          value={days.to}
          onChange={(event) => setDays({ ...days, to: event.currentTarget.value })}
        />
      </Group>
      <ProblemLine error={certify.error} />
      <Group justify="flex-end" gap="sm">
        <Button variant="default" onClick={props.onClose} data-autofocus>
          {words("cancel")}
        </Button>
        <Button type="submit" loading={certify.isPending}>
          {words("certify.do")}
        </Button>
      </Group>
    </form>
  );
}

interface MadeFile {
  fileName: string;
  content: string;
  head: string;
  caPin: string;
  sums: { sealed: number; received: number; lost: number; unreadable: number; erased: number };
}

function Made(props: { made: MadeFile; onClose(): void }): ReactNode {
  const words = useWords();
  const { fileName, content, head, caPin, sums } = props.made;
  return (
    <div className="tms-stack">
      <p className="tms-prose" role="status">
        {words("certify.made", {
          received: countText(sums.received),
          sealed: countText(sums.sealed),
          lost: countText(sums.lost),
          unreadable: countText(sums.unreadable),
          erased: countText(sums.erased),
        })}
      </p>
      <p className="tms-prose">{words("certify.judge")}</p>
      <CommandLine command={`npx --no tms verify ${fileName} --root ${caPin}`} />
      {head === "" ? null : (
        <Pairs
          pairs={[
            [words("certify.head"), <Copyable key="h" text={head} what={words("certify.head")} truncate="hash" />],
          ]}
        />
      )}
      <Group justify="flex-end" gap="sm">
        <Button variant="default" onClick={() => download(fileName, content)}>
          {words("certify.again")}
        </Button>
        <Button onClick={props.onClose} data-autofocus>
          {words("certify.close")}
        </Button>
      </Group>
    </div>
  );
}

/** Whole days in UTC; the last one included. Null if they are no period. */
function periodOf(days: { from: string; to: string }): { from: string; to: string } | null {
  const [from, last] = [new Date(`${days.from}T00:00:00Z`), new Date(`${days.to}T00:00:00Z`)];
  if (Number.isNaN(from.getTime()) || Number.isNaN(last.getTime()) || from > last) return null;
  return { from: from.toISOString(), to: new Date(last.getTime() + DAY_MS).toISOString() };
}

function dayOf(at: Date): string {
  return at.toISOString().slice(0, 10);
}

function download(fileName: string, content: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], { type: "application/jsonl" }));
  link.download = fileName;
  link.click();
  URL.revokeObjectURL(link.href);
}
