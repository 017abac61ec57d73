import { Button, Group, Modal, NumberInput } from "@mantine/core";
import { bytesText, countText, durationText, Pairs, Panel, ProblemLine } from "@tms/console-kit";
import type { CustomerRow } from "@tms/contracts/portal";
import { type ReactNode, useState } from "react";
import { api } from "../api.ts";
import { useSession } from "../session-context.ts";
import { useWords } from "../words.ts";

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;
const DEFAULT_SECONDS = 60;
const DEFAULT_OFFLINE_MINUTES = 30;

/** How much the customer's products may send, and how often they speak; each figure says whose it is. */
export function AllowancePanel(props: { customer: CustomerRow }): ReactNode {
  const words = useWords();
  const { session } = useSession();
  const [changing, setChanging] = useState(false);
  const { limits, limitsInForce, heartbeat } = props.customer;
  const { intervalSeconds = DEFAULT_SECONDS, offlineAfterMinutes = DEFAULT_OFFLINE_MINUTES } = heartbeat;
  const fact = (text: string, own: number | undefined) => (
    <>
      {text} <span className="tms-small">{words(own === undefined ? "allowance.default" : "allowance.own")}</span>
    </>
  );
  return (
    <Panel
      title={words("allowance.title")}
      note={words("allowance.note")}
      right={
        session.role === "administrator" ? (
          <Button size="xs" variant="default" onClick={() => setChanging(true)}>
            {words("allowance.open")}
          </Button>
        ) : undefined
      }
    >
      <Pairs
        pairs={[
          [words("allowance.bytesPerDay"), fact(bytesText(limitsInForce.bytesPerDay), limits.bytesPerDay)],
          [
            words("allowance.customerBytesPerDay"),
            fact(bytesText(limitsInForce.customerBytesPerDay), limits.customerBytesPerDay),
          ],
          [words("allowance.packageBytes"), fact(bytesText(limitsInForce.packageBytes), limits.packageBytes)],
          [
            words("allowance.requestsPerSecond"),
            fact(countText(limitsInForce.requestsPerSecond), limits.requestsPerSecond),
          ],
          [words("allowance.interval"), fact(durationText(intervalSeconds * 1000), heartbeat.intervalSeconds)],
          [words("allowance.offline"), fact(durationText(offlineAfterMinutes * 60_000), heartbeat.offlineAfterMinutes)],
        ]}
      />
      <Modal opened={changing} onClose={() => setChanging(false)} title={words("allowance.change")} size="lg">
        {changing ? <ChangeForm customer={props.customer} onClose={() => setChanging(false)} /> : null}
      </Modal>
    </Panel>
  );
}

/** Empty = the portal's. */
type Figure = number | "";

function ChangeForm(props: { customer: CustomerRow; onClose(): void }): ReactNode {
  const words = useWords();
  const { id, limits, heartbeat } = props.customer;
  const [draft, setDraft] = useState<Record<FieldName, Figure>>({
    bytesPerDay: scaled(limits.bytesPerDay, GIB),
    customerBytesPerDay: scaled(limits.customerBytesPerDay, GIB),
    packageBytes: scaled(limits.packageBytes, MIB),
    requestsPerSecond: limits.requestsPerSecond ?? "",
    interval: heartbeat.intervalSeconds ?? "",
    offline: heartbeat.offlineAfterMinutes ?? "",
  });
  const change = api.useAct("changeCustomer", { onDone: props.onClose });
  const save = () =>
    change.mutate({
      params: { id },
      body: {
        limits: {
          bytesPerDay: bytesOf(draft.bytesPerDay, GIB),
          customerBytesPerDay: bytesOf(draft.customerBytesPerDay, GIB),
          packageBytes: bytesOf(draft.packageBytes, MIB),
          requestsPerSecond: draft.requestsPerSecond === "" ? undefined : draft.requestsPerSecond,
        },
        heartbeat: {
          intervalSeconds: draft.interval === "" ? undefined : draft.interval,
          offlineAfterMinutes: draft.offline === "" ? undefined : draft.offline,
        },
      },
    });
  return (
    <form
      className="tms-stack"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        save();
      }}
    >
      <p className="tms-prose">{words("allowance.why")}</p>
      {FIELDS.map(({ name, most, least }) => (
        <NumberInput
          key={name}
          label={words(`allowance.${name}`)}
          description={words(`allowance.unit.${name}`)}
          placeholder={words("allowance.empty")}
          value={draft[name]}
          onChange={(value) => setDraft({ ...draft, [name]: typeof value === "number" ? value : "" })}
          min={least}
          max={most}
          clampBehavior="blur"
          hideControls
        />
      ))}
      <ProblemLine error={change.error} />
      <Group justify="flex-end" gap="sm">
        <Button variant="default" onClick={props.onClose} data-autofocus>
          {words("cancel")}
        </Button>
        <Button type="submit" loading={change.isPending}>
          {words("allowance.do")}
        </Button>
      </Group>
    </form>
  );
}

const FIELDS = [
  { name: "bytesPerDay", least: 0.001, most: 1_000_000 },
  { name: "customerBytesPerDay", least: 0.001, most: 1_000_000 },
  { name: "packageBytes", least: 1, most: 4096 },
  { name: "requestsPerSecond", least: 0.1, most: 10_000 },
  { name: "interval", least: 15, most: 300 },
  { name: "offline", least: 1, most: 10_080 },
] as const;
type FieldName = (typeof FIELDS)[number]["name"];

function scaled(bytes: number | undefined, unit: number): Figure {
  return bytes === undefined ? "" : bytes / unit;
}

function bytesOf(figure: Figure, unit: number): number | undefined {
  return figure === "" ? undefined : Math.max(1, Math.round(figure * unit));
}
