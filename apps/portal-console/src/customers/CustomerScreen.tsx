import { Button, Modal } from "@mantine/core";
import {
  ConfirmDialog,
  Copyable,
  DateOnly,
  FactsStrip,
  Page,
  Pairs,
  Panel,
  ProblemLine,
  useRouteParam,
} from "@tms/console-kit";
import type { CustomerRow } from "@tms/contracts/portal";
import { type ReactNode, useState } from "react";
import { api } from "../api.ts";
import { paths } from "../paths.ts";
import { useSession } from "../session-context.ts";
import { useWords } from "../words.ts";
import { AllowancePanel } from "./AllowancePanel.tsx";
import { ValidityState } from "./CustomersScreen.tsx";
import { PasswordOnce } from "./PasswordOnce.tsx";

export function CustomerScreen(): ReactNode {
  const words = useWords();
  const customer = api.useRead("getCustomer", { params: { id: useRouteParam("id") as never } });
  if (customer.data === undefined) {
    return (
      <Page
        crumbs={[{ label: words("menu.customers"), href: paths.customers() }]}
        title={words("menu.customers")}
        plainTitle={words("menu.customers")}
      >
        <ProblemLine error={customer.error} />
      </Page>
    );
  }
  return <LoadedCustomer customer={customer.data} />;
}

function LoadedCustomer(props: { customer: CustomerRow }): ReactNode {
  const words = useWords();
  const { session } = useSession();
  const { customer } = props;
  const administrates = session.role === "administrator";
  return (
    <Page
      crumbs={[{ label: words("menu.customers"), href: paths.customers() }, { label: customer.name }]}
      title={customer.name}
      plainTitle={customer.name}
      badges={<ValidityState customer={customer} />}
      actions={
        administrates ? (
          <Button variant="default" component="a" href={paths.connectionDetails(customer.id)}>
            {words("details.title")}
          </Button>
        ) : undefined
      }
    >
      <FactsStrip
        facts={[
          {
            label: words("menu.products"),
            value: (
              <a className="tms-link" href={paths.products(customer.id)}>
                {words("customers.products", { count: customer.products })}
              </a>
            ),
            small: words("customers.waiting", { count: customer.productsNeedingSomebody }),
          },
          {
            label: words("menu.cases"),
            value: (
              <a className="tms-link" href={paths.cases(customer.id)}>
                {words("customers.openCases", { count: customer.openCases })}
              </a>
            ),
            small: words("customers.casesNote"),
          },
          {
            label: words("customers.contact"),
            value: customer.contactEmail ?? words("customers.noContact"),
            small: words("customers.contactNote"),
          },
          {
            label: words("customers.since"),
            value: <DateOnly at={customer.createdAt} />,
            small: words(customer.demoKeys ? "customers.demoKeys" : "customers.ownKeys"),
          },
        ]}
      />
      <div className="tms-stack">
        <Panel
          title={words("customer.registration")}
          note={words("customer.registrationNote")}
          right={administrates ? <NewPassword customer={customer} /> : undefined}
        >
          <Pairs
            pairs={[
              [
                words("customer.userName"),
                <Copyable key="u" text={customer.userName} what={words("customer.userName")} truncate="command" />,
              ],
              [
                words("details.patternRoot"),
                <Copyable key="r" text={customer.patternRoot} what={words("details.patternRoot")} truncate="hash" />,
              ],
            ]}
          />
        </Panel>
        <AllowancePanel customer={customer} />
      </div>
    </Page>
  );
}

function NewPassword(props: { customer: CustomerRow }): ReactNode {
  const words = useWords();
  const [asking, setAsking] = useState(false);
  const make = api.useAct("newCustomerPassword", { onDone: () => setAsking(false) });
  return (
    <>
      <Button size="xs" variant="default" onClick={() => setAsking(true)}>
        {words("newPassword.open")}
      </Button>
      <ConfirmDialog
        opened={asking}
        onClose={() => setAsking(false)}
        title={words("newPassword.title", { name: props.customer.name })}
        confirmLabel={words("newPassword.do")}
        onConfirm={() => make.mutate({ params: { id: props.customer.id } })}
        busy={make.isPending}
        error={make.error}
      >
        <p>{words("newPassword.text")}</p>
      </ConfirmDialog>
      <Modal opened={make.data !== undefined} onClose={make.reset} title={words("newPassword.made")} size="lg">
        {make.data === undefined ? null : (
          <PasswordOnce customer={props.customer} password={make.data.password} onClose={make.reset} />
        )}
      </Modal>
    </>
  );
}
